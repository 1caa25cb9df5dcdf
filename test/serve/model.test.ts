import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { dtypes, ModelLoadError, type OpenOptions, openModel, readOpset, type Tensor } from '../../core/serve/index.ts';
import { identity, linear, slow } from './example-models.ts';
import { type GraphSpec, onnxModel, writeModel } from './onnx-model.ts';

async function open(graph: GraphSpec, options?: OpenOptions) {
  const model = await openModel(await writeModel(graph), options);
  onTestFinished(() => model.close());
  return model;
}

const examples: Readonly<Record<(typeof dtypes)[number], Tensor['data']>> = {
  float32: Float32Array.of(1.5, Number.NaN, Number.NEGATIVE_INFINITY),
  float64: Float64Array.of(0.1, 1e300, -0),
  float16: Uint16Array.of(0x3c00, 0x7c00, 0x0001),
  int8: Int8Array.of(-128, 0, 127),
  int16: Int16Array.of(-32768, 0, 32767),
  int32: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1),
  int64: BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n, 2n ** 63n - 1n),
  uint8: Uint8Array.of(0, 128, 255),
  uint16: Uint16Array.of(0, 1, 65535),
  uint32: Uint32Array.of(0, 1, 2 ** 32 - 1),
  uint64: BigUint64Array.of(0n, 2n ** 53n + 1n, 2n ** 64n - 1n),
  bool: Uint8Array.of(0, 1, 1),
  string: ['', 'größe', '日本'],
};

for (const where of ['main', 'worker'] as const) {
  test.each(dtypes)(`%s passes through a model on the ${where} thread bit for bit`, async (dtype) => {
    const model = await open(identity(dtype), { where });
    const input: Tensor = { dtype, shape: [1, 3], data: examples[dtype] };
    const { y } = await model.run({ x: input });
    expect(y).toEqual(input);
    expect(model.signature.inputs).toEqual([{ name: 'x', dtype, shape: [null, 3] }]);
  });
}

test('a run leaves the inputs to the caller, also when they are a view of something larger', async () => {
  const model = await open(linear(), { where: 'worker' });
  const dataset = Float32Array.of(9, 9, 9, 1, 2, 3, 9, 9, 9);
  const { y } = await model.run({ x: { dtype: 'float32', shape: [1, 3], data: dataset.subarray(3, 6) } });
  expect(y?.data).toEqual(Float32Array.of(22.5, 27.5));
  expect(dataset).toEqual(Float32Array.of(9, 9, 9, 1, 2, 3, 9, 9, 9));
});

test("elements that come in a Buffer stay the caller's too", async () => {
  const model = await open(identity('uint8'), { where: 'worker' });
  const pooled = Buffer.from([1, 2, 3]);
  const { y } = await model.run({ x: { dtype: 'uint8', shape: [1, 3], data: pooled } });
  expect(y?.data).toEqual(Uint8Array.of(1, 2, 3));
  expect([...pooled]).toEqual([1, 2, 3]);
  expect(Buffer.from('still here').toString()).toBe('still here');
});

test('runs that overlap each get their own answer', async () => {
  const model = await open(identity('int32', ['N', 1]), { where: 'worker' });
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => model.run({ x: { dtype: 'int32', shape: [1, 1], data: Int32Array.of(index) } })),
  );
  expect(answers.map(({ y }) => y?.data[0])).toEqual(Array.from({ length: 50 }, (_, index) => index));
});

test('a tiny model stays on the thread of its caller, a slow one gets a thread of its own', async () => {
  expect((await open(linear())).where).toBe('main');
  expect((await open(slow(1024, 64))).where).toBe('worker');
});

test('the signature has null for free dimensions, and the rank seen in a run where the file does not tell', async () => {
  const squeeze: GraphSpec = {
    ...linear(),
    nodes: [{ op: 'Squeeze', inputs: ['x'], outputs: ['y'] }],
    outputs: [{ name: 'y', dtype: 'float32' }],
  };
  expect((await open(squeeze)).signature).toEqual({
    inputs: [{ name: 'x', dtype: 'float32', shape: [null, 3] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [null] }],
  });
});

test('the opset is read from the file without loading the model', async () => {
  expect(await readOpset(await writeModel({ ...linear(), opset: 13 }))).toBe(13);
  expect((await open({ ...linear(), opset: 13 })).opset).toBe(13);
  const folder = await mkdtemp(join(tmpdir(), 'modelflow-onnx-'));
  await writeFile(join(folder, 'text'), 'no model at all');
  expect(await readOpset(join(folder, 'text'))).toBeUndefined();
  await writeFile(join(folder, 'cut'), onnxModel(linear()).subarray(0, -3));
  expect(await readOpset(join(folder, 'cut'))).toBeUndefined();
});

test.each(['main', 'worker', 'auto'] as const)('what is no model is refused with its path and a reason (%s)', async (where) => {
  const folder = await mkdtemp(join(tmpdir(), 'modelflow-onnx-'));
  const path = join(folder, 'model.onnx');
  await expect(openModel(path, { where })).rejects.toThrow(`${path} cannot be read: ENOENT`);
  await expect(openModel(folder, { where })).rejects.toThrow(`${folder} is not a file`);
  await writeFile(path, '');
  await expect(openModel(path, { where })).rejects.toThrow(`${path} is empty`);
  await writeFile(path, 'PK\x03\x04 this is a zip');
  await expect(openModel(path, { where })).rejects.toThrow(
    /model\.onnx is not a model that onnxruntime [\d.]+ can load: .*Protobuf parsing failed/,
  );
  await expect(openModel(path, { where })).rejects.toBeInstanceOf(ModelLoadError);
});

test('an operator that the runtime does not know is named', async () => {
  const path = await writeModel({ ...linear(), nodes: [{ op: 'Frobnicate', inputs: ['x'], outputs: ['y'] }] });
  await expect(openModel(path)).rejects.toThrow(/Frobnicate/);
});

test('inputs that do not fit are refused with what the runtime says, and the model goes on', async () => {
  for (const where of ['main', 'worker'] as const) {
    const model = await open(linear(), { where });
    await expect(model.run({ x: { dtype: 'float32', shape: [1, 4], data: new Float32Array(4) } })).rejects.toThrow(/Got: 4 Expected: 3/);
    await expect(model.run({ x: { dtype: 'int32', shape: [1, 3], data: new Int32Array(3) } })).rejects.toThrow(/tensor\(int32\)/);
    const { y } = await model.run({ x: { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 2, 3) } });
    expect(y?.data).toEqual(Float32Array.of(22.5, 27.5));
  }
});

test('a worker that dies fails what it was sent and says so', async () => {
  const created = new Promise<Worker>((resolve) => {
    process.once('worker', resolve);
  });
  const model = await open(slow(), { where: 'worker' });
  const input = { x: { dtype: 'float32', shape: [1, 768], data: new Float32Array(768) } } as const;
  // No message of ours: the thread does not survive it.
  (await created).postMessage(undefined);
  await expect(model.run(input)).rejects.toThrow('the inference thread ended');
  expect((await model.lost).name).toBe('WorkerLostError');
  await expect(model.run(input)).rejects.toThrow('the inference thread ended');
});

test('closing a model waits for the run it is in', async () => {
  const model = await openModel(await writeModel(slow(1024, 200)), { where: 'worker' });
  const run = model.run({ x: { dtype: 'float32', shape: [1, 1024], data: new Float32Array(1024).fill(1) } });
  await model.close();
  expect((await run)['y']?.data[0]).toBe(1);
  await expect(model.run({})).rejects.toThrow('the model is closed');
});
