import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ModelflowError } from 'modelflow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openNpy, parseNpy, readNpy, rowsOf, writeNpy, writeNpyRows } from '../../stages/lib/npy.ts';
import { realPython, scikitLearn } from '../evaluate/python.ts';

let folder = '';
let names: readonly string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npy-'));
  names = (await numpy({ write: folder })) as string[];
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function numpy(request: unknown): Promise<unknown> {
  return realPython().call({ environment: scikitLearn, script: new URL('./numpy_files.py', import.meta.url), request });
}

const at = (name: string) => join(folder, name);

test('every array that NumPy writes comes back to NumPy the same, through memory and through a file in batches', async () => {
  expect(names.length).toBeGreaterThan(250);
  const pairs: [string, string][] = [];
  for (const name of names) {
    const tensor = await readNpy(at(name));
    await writeNpy(at(`mine-${name}`), tensor);
    pairs.push([at(name), at(`mine-${name}`)]);
    expect(parseNpy(await readFile(at(name)), name)).toEqual(tensor);
    if (tensor.dtype === 'string' || tensor.shape.length === 0) continue;
    const file = await openNpy(at(name));
    const batches = async function* () {
      for (let from = 0; from < file.rows; from += 2) yield await file.readRows(from, from + 2);
    };
    await writeNpyRows(at(`rows-${name}`), tensor.dtype, tensor.shape, batches());
    await file.close();
    pairs.push([at(name), at(`rows-${name}`)]);
  }
  expect(await numpy({ compare: pairs })).toEqual([]);
});

test('64-bit integers keep every digit, and float16 keeps its bits', async () => {
  expect((await readNpy(at('extremes-i8.npy'))).data).toEqual(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n));
  const half = await readNpy(at('f2FalseC5.npy'));
  expect(half.dtype).toBe('float16');
  expect(half.data).toBeInstanceOf(Uint16Array);
});

test('rows are a view of the same memory', async () => {
  const whole = await readNpy(at('version1.npy'));
  const second = rowsOf(whole, 1, 9);
  expect(second.shape).toEqual([1, 3]);
  expect([...(second.data as Float32Array)]).toEqual([3, 4, 5]);
  (second.data as Float32Array)[0] = 9;
  expect((whole.data as Float32Array)[3]).toBe(9);
});

describe('what is no plain array is refused with its reason', () => {
  test.each([
    ['objects.npy', /pickled Python objects.*never opened/],
    ['fields.npy', /structured array/],
    ['complex.npy', /complex numbers/],
    ['dates.npy', /times/],
    ['void.npy', /raw bytes, perhaps bfloat16/],
  ])('%s', async (name, reason) => {
    await expect(readNpy(at(`refused/${name}`))).rejects.toThrow(reason);
    await expect(readNpy(at(`refused/${name}`))).rejects.toMatchObject({ diagnostics: [{ code: 'MF3106' }] });
  });

  test('a file that is something else is named for what it looks like', () => {
    const looks = (start: string | Uint8Array) => () => parseNpy(Buffer.from(start), 'a.npy');
    expect(looks('\x89HDF\r\n\x1a\n')).toThrow(/looks like/);
    expect(looks(Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]))).toThrow(/an HDF5 file/);
    expect(looks(Buffer.from([0x80, 4, 0x95]))).toThrow(/a Python pickle/);
    expect(looks('version https://git-lfs.github.com/spec/v1')).toThrow(/Git LFS pointer/);
    expect(looks('a,b,c\n1,2,3')).toThrow(/text beginning with "a,b,c/);
    expect(looks('')).toThrow(/an empty file/);
  });

  test('a missing file is MF3106', async () => {
    await expect(readNpy(at('nothing.npy'))).rejects.toThrow(/MF3106: nothing.npy: cannot be opened \(ENOENT\)/);
  });

  test('a header that promises more than memory holds is not believed', () => {
    const header = (shape: string, descr = '<f8') => {
      const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117);
      return Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY'), Buffer.from([1, 0, 118, 0]), Buffer.from(`${text}\n`)]);
    };
    expect(() => parseNpy(header('(99999999999999999999,)'), 'a')).toThrow(/more than can be held/);
    expect(() => parseNpy(header('(9999999999999, 9999999999999)'), 'a')).toThrow(/more than can be held/);
    expect(() => parseNpy(header('(1000000,)'), 'a')).toThrow(/cut short: float64 \(1000000\) needs 8000000 bytes, and 0 are there/);
    expect(() => parseNpy(header('(-1,)'), 'a')).toThrow(/damaged/);
    expect(() => parseNpy(header('(5)'), 'a')).toThrow(/damaged/);
    expect(() => parseNpy(header('(2000000000,)', '<U0'), 'a')).toThrow(/no width/);
    expect(parseNpy(header('(0,)'), 'a').shape).toEqual([0]);
  });
});

describe('no bytes make the reader fail otherwise than with MF3106', () => {
  const readable = (bytes: Uint8Array): void => {
    try {
      parseNpy(bytes, 'fuzz.npy');
    } catch (error) {
      if (!(error instanceof ModelflowError) || error.diagnostics[0]?.code !== 'MF3106') throw error;
    }
  };

  test('random bytes, with and without the magic', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readable(bytes)));
    const magic = Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY')]);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readable(Buffer.concat([magic, bytes]))));
  });

  test('every real file cut at every place of its head and some of its body', async () => {
    for (const name of (await readdir(folder)).filter((one) => /^(i8|f2|unicode|bytes|version)/.test(one))) {
      const bytes = await readFile(at(name));
      for (let length = 0; length < bytes.length; length += length < 140 ? 1 : 97) {
        expect(() => parseNpy(bytes.subarray(0, length), name), `${name} cut at ${length}`).toThrow(/MF3106/);
      }
    }
  });

  test('real files with bytes of their heads changed', async () => {
    const originals = await Promise.all(
      ['i4TrueF2x3x4x5.npy', 'unicode.npy', 'version2.npy', 'version3.npy'].map((name) => readFile(at(name))),
    );
    const change = fc.tuple(fc.nat(127), fc.nat(255));
    fc.assert(
      fc.property(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 4 }), (original, changes) => {
        const bytes = Buffer.from(original);
        for (const [place, value] of changes) bytes[place] = value;
        readable(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

test('rows that do not fill the promised shape are an error', async () => {
  const one = { dtype: 'float32' as const, shape: [1, 2], data: Float32Array.of(1, 2) };
  const batches = async function* () {
    yield one;
  };
  await expect(writeNpyRows(at('short.npy'), 'float32', [2, 2], batches())).rejects.toThrow('2 of 4 elements');
  await writeFile(at('taken.npy'), '');
  await expect(writeNpyRows(at('taken.npy'), 'float32', [1, 2], batches())).rejects.toThrow('EEXIST');
});
