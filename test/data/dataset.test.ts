import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from 'modelflow/serve';
import { dataset } from 'modelflow/stages';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readNpy, writeNpy } from '../../stages/lib/npy.ts';
import { realPython, scikitLearn } from '../evaluate/python.ts';
import { runStage } from './run-stage.ts';
import { zipBytes } from './zip-bytes.ts';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dataset-'));
  const request = { write: folder };
  await realPython().call({ environment: scikitLearn, script: new URL('./numpy_files.py', import.meta.url), request });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const float = (...shape: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => index),
});
const whole = (...values: bigint[]): Tensor => ({ dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values) });

async function npz(name: string, arrays: Readonly<Record<string, Tensor>>): Promise<string> {
  const entries = [];
  for (const [key, tensor] of Object.entries(arrays)) {
    const path = join(folder, 'part.npy');
    await writeNpy(path, tensor);
    entries.push({ name: `${key}.npy`, content: await readFile(path), method: 'deflated' as const });
  }
  return await text(name, zipBytes(entries));
}

async function text(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function load(path: string, options: Readonly<Record<string, unknown>> = {}) {
  const { artifact, said } = await runStage(dataset, {}, { path, ...options });
  const array = (name: string) => readNpy(join(artifact.path, `${name}.npy`));
  return { facts: artifact.facts, files: (await readdir(artifact.path)).sort(), array, said };
}

describe('arrays', () => {
  test('big-endian Fortran arrays of an archive become little-endian files in C order', async () => {
    const { facts, files, array } = await load(join(folder, 'deflated.npz'));
    expect(facts).toEqual({
      rows: 1000,
      inputs: [{ name: 'x', dtype: 'float32', shape: [1000, 3] }],
      labels: { name: 'y', dtype: 'int64', shape: [1000] },
    });
    expect(files).toEqual(['x.npy', 'y.npy']);
    expect([...((await array('x')).data as Float32Array)]).toEqual(Array.from({ length: 3000 }, (_, index) => index));
    expect((await array('y')).data).toEqual(BigInt64Array.from({ length: 1000 }, (_, index) => BigInt(index)));
  });

  test('only the first rows when so many are asked for, and a word when fewer are there', async () => {
    const first = await load(join(folder, 'stored.npz'), { rows: 7 });
    expect(first.facts).toMatchObject({ rows: 7, inputs: [{ shape: [7, 3] }], labels: { shape: [7] } });
    expect((await first.array('x')).data.length).toBe(21);
    const all = await load(join(folder, 'stored.npz'), { rows: 5000 });
    expect(all.facts.rows).toBe(1000);
    expect(all.said).toContain('5000 rows were asked for, 1000 are there');
  });

  test.each(['y', 'labels', 'label', 'target'])('%s is the truth when nothing else is said, and x comes first', async (name) => {
    const path = await npz(`${name}.npz`, { a: float(2, 1), x: float(2, 3), [name]: whole(0n, 1n) });
    expect((await load(path)).facts).toMatchObject({ inputs: [{ name: 'x' }, { name: 'a' }], labels: { name } });
  });

  test('labels: false leaves the truth out', async () => {
    const path = await npz('without.npz', { x: float(2, 3), y: whole(0n, 1n) });
    const { facts, files } = await load(path, { labels: false });
    expect(facts.labels).toBeUndefined();
    expect(files).toEqual(['x.npy']);
  });

  test('named arrays are taken in the order in which they are named', async () => {
    const path = await npz('mnist.npz', { x_train: float(3, 2), x_test: float(2, 2), y_train: whole(0n, 1n, 2n), y_test: whole(3n, 4n) });
    const { facts } = await load(path, { inputs: 'x_test', labels: 'y_test' });
    expect(facts).toMatchObject({ rows: 2, inputs: [{ name: 'x_test' }], labels: { name: 'y_test' } });
    await expect(load(path)).rejects.toThrow(/MF3106: mnist.npz: the arrays differ in their rows: x_train \(3, 2\), x_test \(2, 2\)/);
    await expect(load(path, { inputs: 'x_tets', labels: 'y_test' })).rejects.toMatchObject({
      message: expect.stringContaining('there is no array named x_tets; there are x_train, x_test, y_train, y_test'),
      diagnostics: [{ code: 'MF3106', hint: 'Did you mean x_test?' }],
    });
  });

  test('a .npy file is the input x, or of the name that is given', async () => {
    expect((await load(join(folder, 'f8TrueF2x3x4x5.npy'))).facts.inputs).toEqual([{ name: 'x', dtype: 'float64', shape: [2, 3, 4, 5] }]);
    expect((await load(join(folder, 'version3.npy'), { inputs: 'image' })).facts.inputs[0]?.name).toBe('image');
    await expect(load(join(folder, 'version3.npy'), { labels: 'y' })).rejects.toThrow(/holds one array and no y/);
  });

  test('strings stay strings', async () => {
    const path = await npz('names.npz', { x: float(2, 1), y: { dtype: 'string', shape: [2], data: ['Katze', 'Hündin'] } });
    const { facts, array } = await load(path);
    expect(facts.labels).toEqual({ name: 'y', dtype: 'string', shape: [2] });
    expect((await array('y')).data).toEqual(['Katze', 'Hündin']);
  });

  test('no rows, a single value and a name that is no file name are MF3106', async () => {
    await expect(load(await npz('empty.npz', { x: float(0, 3) }))).rejects.toThrow(/MF3106: empty.npz: there is not one row/);
    await expect(load(await npz('scalar.npz', { x: float(2), n: float() }))).rejects.toThrow(/MF3106: scalar.npz: n is a single value/);
    await expect(load(await npz('slash.npz', { 'a/b': float(2) }))).rejects.toThrow(/MF3106: slash.npz: an array cannot be named "a\/b"/);
    await expect(load(await npz('only.npz', { y: whole(1n) }))).rejects.toThrow(/MF3106: only.npz: only y is there, and no input/);
  });

  test('a file of another sort is MF3106 and says what it looks like', async () => {
    await expect(load(await text('model.npz', '\x89HDF\r\n'))).rejects.toThrow(/MF3106: model.npz: neither .npz nor .npy; it looks like/);
    await expect(load(await text('notes.txt', 'a,b\n1,2'))).rejects.toThrow(/MF3106: notes.txt: .*text beginning with "a,b/);
    await expect(load(await text('cut.npz', (await readFile(join(folder, 'stored.npz'))).subarray(0, 9000)))).rejects.toThrow(/MF3106/);
  });
});

describe('tables', () => {
  test('numeric columns become x, whole labels int64', async () => {
    const { facts, array } = await load(await text('a.csv', '\uFEFF"y",width,height\r\n0,1,2.5\r\n 1 ,3,-4e2\r\n'));
    expect(facts).toEqual({
      rows: 2,
      inputs: [{ name: 'x', dtype: 'float32', shape: [2, 2] }],
      labels: { name: 'y', dtype: 'int64', shape: [2] },
    });
    expect([...((await array('x')).data as Float32Array)]).toEqual([1, 2.5, 3, -400]);
    expect((await array('y')).data).toEqual(BigInt64Array.of(0n, 1n));
  });

  test('labels with fractions are float64, names are strings, quotes and other separators are understood', async () => {
    const price = await load(await text('b.csv', 'a;price\n1;2.5\n2;3\n'), { labels: 'price' });
    expect((await price.array('y')).data).toEqual(Float64Array.of(2.5, 3));
    const species = await load(await text('c.tsv', 'a\tspecies\n1\t"iris, blue"\n2\tsetosa\n'), { labels: 'species' });
    expect((await species.array('y')).data).toEqual(['iris, blue', 'setosa']);
  });

  test('inputs choose columns and their order; rows end the reading', async () => {
    const path = await text('d.csv', 'id,a,b,target\nx1,1,2,0\nx2,3,4,1\nx3,5,6,0\n');
    const { facts, array } = await load(path, { inputs: ['b', 'a'], rows: 2 });
    expect(facts).toMatchObject({ rows: 2, inputs: [{ shape: [2, 2] }], labels: { shape: [2] } });
    expect([...((await array('x')).data as Float32Array)]).toEqual([2, 1, 4, 3]);
  });

  test('a value that is no number is named with its line and column', async () => {
    const id = await text('e.csv', 'id,a,y\n1,2,0\nx2,3,1\n');
    await expect(load(id)).rejects.toThrow(/MF3106: e.csv: line 3, column id: "x2", which is no number/);
    await expect(load(await text('f.csv', 'a,y\n1,0\n,1\n'))).rejects.toThrow(/MF3106: f.csv: line 3, column a: no value/);
    await expect(load(await text('g.csv', 'a,y\n1,0\n2,\n'))).rejects.toThrow(/MF3106: g.csv: line 3: the label is missing/);
    await expect(load(await text('h.csv', 'a,y\n1,0\n2\n'))).rejects.toThrow(/MF3106: h.csv: /);
    await expect(load(await text('i.csv', 'a,a,y\n1,0,1\n'))).rejects.toThrow(/MF3106: i.csv: two columns are named "a"/);
    await expect(load(await text('j.csv', 'a,y\n'))).rejects.toThrow(/MF3106: j.csv: there is not one row/);
    await expect(load(await text('k.csv', ''))).rejects.toThrow(/MF3106: k.csv: the table is empty/);
    await expect(load(id, { labels: 'z' })).rejects.toThrow(/there is no column named z; there are id, a, y/);
  });
});
