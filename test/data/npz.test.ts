import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ModelflowError } from 'modelflow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readNpy, writeNpy } from '../../stages/lib/npy.ts';
import { openNpz } from '../../stages/lib/npz.ts';
import { realPython, scikitLearn } from '../evaluate/python.ts';
import { type ZipEntry, zipBytes } from './zip-bytes.ts';

let folder = '';
let array: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npz-'));
  const request = { write: folder };
  await realPython().call({ environment: scikitLearn, script: new URL('./numpy_files.py', import.meta.url), request });
  await writeNpy(join(folder, 'one.npy'), { dtype: 'float32', shape: [4], data: Float32Array.of(1, 2, 3, 4) });
  array = await readFile(join(folder, 'one.npy'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
async function extracted(archive: string, name: string) {
  const npz = await openNpz(archive);
  try {
    const target = join(folder, `extracted-${count++}.npy`);
    await npz.extract(name, target);
    return await readNpy(target);
  } finally {
    npz.close();
  }
}

async function archiveOf(...entries: readonly ZipEntry[]): Promise<string> {
  const path = join(folder, `made-${count++}.npz`);
  await writeFile(path, zipBytes(entries));
  return path;
}

test.each(['stored.npz', 'deflated.npz'])('the arrays of NumPy’s %s are read', async (name) => {
  const path = join(folder, name);
  const npz = await openNpz(path);
  expect(npz.names).toEqual(['x', 'y']);
  expect(await npz.header('x')).toMatchObject({
    dtype: name === 'stored.npz' ? 'float64' : 'float32',
    shape: [1000, 3],
  });
  npz.close();
  const x = await extracted(path, 'x');
  expect([...(x.data as Float64Array)]).toEqual(Array.from({ length: 3000 }, (_, index) => index));
  expect((await extracted(path, 'y')).data).toEqual(BigInt64Array.from({ length: 1000 }, (_, index) => BigInt(index)));
});

describe('archives that are refused with MF3106', () => {
  test('a bit flipped in an array is found by its checksum', async () => {
    const bytes = await readFile(join(folder, 'stored.npz'));
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    const path = join(folder, 'flipped.npz');
    await writeFile(path, bytes);
    await expect(extracted(path, 'x')).rejects.toThrow(/MF3106: flipped.npz: x.npy is damaged: its checksum does not match/);
  });

  test('a pickled array is never opened', async () => {
    await expect(extracted(join(folder, 'refused', 'pickled.npz'), 'y')).rejects.toThrow(/pickled Python objects/);
  });

  test('an entry that says it grows a thousandfold beyond a gigabyte', async () => {
    const path = await archiveOf({ name: 'x.npy', content: array, method: 'deflated', claims: { sizeBytes: 2 ** 31 } });
    await expect(openNpz(path)).rejects.toThrow(/MF3106: .* would grow from \d+ to 2147483648 bytes, as in a zip bomb/);
  });

  test('an entry that is larger than it says stops at the size it said', async () => {
    const big = Buffer.concat([array, Buffer.alloc(10_000_000)]);
    const path = await archiveOf({ name: 'x.npy', content: big, method: 'deflated', claims: { sizeBytes: array.length } });
    await expect(extracted(path, 'x')).rejects.toThrow(/MF3106: .*too many bytes/);
  });

  test('entries that together claim more than the file', async () => {
    const path = await archiveOf({ name: 'x.npy', content: array, claims: { packedBytes: 10_000, sizeBytes: 10_000 } });
    await expect(openNpz(path)).rejects.toThrow(/MF3106: .*overlap/);
  });

  test('an array that is shorter than its header says', async () => {
    const path = await archiveOf({ name: 'x.npy', content: array.subarray(0, -4) });
    await expect(extracted(path, 'x')).rejects.toThrow(/MF3106: .*x.npy: the array is cut short by 4 bytes/);
  });

  test('an encrypted entry, an unknown compression, two arrays of one name, no array at all', async () => {
    const x = { name: 'x.npy', content: array };
    await expect(openNpz(await archiveOf({ ...x, method: 'deflated', claims: { flags: 1 } }))).rejects.toThrow(/MF3106: .*is encrypted/);
    await expect(openNpz(await archiveOf({ ...x, method: 12 }))).rejects.toThrow(/MF3106: .*compressed by method 12/);
    await expect(openNpz(await archiveOf(x, x))).rejects.toThrow(/MF3106: .*two arrays have the same name/);
    await expect(openNpz(await archiveOf({ name: 'model.json', content: array }))).rejects.toThrow(/without a single .npy.*model.json/);
    await expect(openNpz(await archiveOf({ name: '../x.npy', content: array }))).rejects.toThrow(/MF3106/);
  });

  test('what is no zip is named for what it looks like', async () => {
    await expect(openNpz(join(folder, 'one.npy'))).rejects.toThrow(/MF3106: one.npy: not a .npz archive; it looks like a NumPy .npy array/);
    await expect(openNpz(join(folder, 'none.npz'))).rejects.toThrow(/MF3106: none.npz: cannot be opened \(ENOENT\)/);
  });

  test('an archive cut or changed at any place fails with MF3106 or gives the true array', async () => {
    const honest = zipBytes([{ name: 'x.npy', content: array, method: 'deflated' }]);
    const truth = [1, 2, 3, 4];
    const change = fc.tuple(fc.nat(honest.length - 1), fc.nat(255));
    const damage = fc.record({ length: fc.integer({ min: 1, max: honest.length }), changes: fc.array(change, { maxLength: 3 }) });
    await fc.assert(
      fc.asyncProperty(damage, async ({ length, changes }) => {
        const bytes = Buffer.from(honest.subarray(0, length));
        for (const [place, value] of changes) if (place < length) bytes[place] = value;
        const path = join(folder, `fuzz-${count++}.npz`);
        await writeFile(path, bytes);
        try {
          const tensor = await extracted(path, 'x');
          expect([...(tensor.data as Float32Array)]).toEqual(truth);
        } catch (error) {
          if (!(error instanceof ModelflowError) || error.diagnostics[0]?.code !== 'MF3106') throw error;
        }
      }),
      { numRuns: 400 },
    );
  });
});
