import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifact } from 'modelflow';
import { openModel, type Tensor } from 'modelflow/serve';
import { onnxModel, quantize, symmetricQuantize } from 'modelflow/stages';
import { describe, expect, test } from 'vitest';
import { type OnnxTensor, parseOnnx } from '../../stages/lib/onnx-file.ts';
import { runStage } from '../data/run-stage.ts';
import { datasetOf } from '../evaluate/artifacts.ts';
import { diagnosticOf } from '../export/raises.ts';
import { type GraphSpec, type Initializer, onnxModel as onnxBytes } from '../serve/onnx-model.ts';

/** Numbers that look random and are the same each time, in −1…1. */
function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 1_073_741_824 - 1;
  });
}

const weight = (name: string, shape: readonly number[], seed: number, gain = 1): Initializer => ({
  name,
  dtype: 'float32',
  shape,
  data: noise(
    shape.reduce((a, b) => a * b, 1),
    seed,
  ).map((value) => value * gain),
});

/** x · w → ReLU → · v: two matrix products. */
const perceptron = (opset: number, batch: number | string = 'N'): GraphSpec => ({
  inputs: [{ name: 'x', dtype: 'float32', shape: [batch, 16] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: [batch, 4] }],
  nodes: [
    { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'] },
    { op: 'Relu', inputs: ['a'], outputs: ['b'] },
    { op: 'MatMul', inputs: ['b', 'v'], outputs: ['y'] },
  ],
  initializers: [weight('w', [16, 12], 1), weight('v', [12, 4], 2, 3)],
  opset,
});

/** Convolution → ReLU → convolution → average over the image. */
const convolutional = (opset: number): GraphSpec => ({
  inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 3, 8, 8] }],
  outputs: [{ name: 'scores', dtype: 'float32', shape: ['N', 5, 1, 1] }],
  nodes: [
    { op: 'Conv', inputs: ['image', 'w'], outputs: ['a'], attributes: { kernel_shape: [3, 3] } },
    { op: 'Relu', inputs: ['a'], outputs: ['b'] },
    { op: 'Conv', inputs: ['b', 'v'], outputs: ['c'], attributes: { kernel_shape: [1, 1] } },
    { op: 'GlobalAveragePool', inputs: ['c'], outputs: ['scores'] },
  ],
  initializers: [weight('w', [6, 3, 3, 3], 3), weight('v', [5, 6, 1, 1], 4)],
  opset,
});

async function modelOf(graph: GraphSpec, processing: unknown = {}): Promise<Artifact> {
  const path = join(await mkdtemp(join(tmpdir(), 'modelflow-float-')), 'm.onnx');
  await writeFile(path, onnxBytes(graph));
  return (await runStage(onnxModel, {}, { path, processing })).artifact;
}

const rowsOf = (shape: readonly number[], seed: number): Tensor => {
  const [count = 0] = shape;
  return { dtype: 'float32', shape, data: noise(count * shape.slice(1).reduce((a, b) => a * b, 1), seed) };
};

async function answers(artifact: Artifact, input: string, x: Tensor): Promise<Tensor> {
  const model = await openModel(join(artifact.path, 'model.onnx'));
  const [output] = Object.values(await model.run({ [input]: x }));
  await model.close();
  if (!output) throw new Error('no output');
  return output;
}

/** Signal to noise of `after` against `before`, in decibels: 6 for each bit that is right. */
function signalToNoise(before: Tensor, after: Tensor): number {
  const [a, b] = [before.data as Float32Array, after.data as Float32Array];
  const power = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  return 10 * Math.log10(power(a) / power(a.map((value, index) => value - (b[index] ?? 0))));
}

async function int8Weights(artifact: Artifact): Promise<readonly OnnxTensor[]> {
  const found = parseOnnx(await readFile(join(artifact.path, 'model.onnx')));
  return found.tensors.filter((tensor) => tensor.dataType === 3 && tensor.shape.length > 1);
}

describe('static int8', () => {
  test.each(['min-max', 'entropy', 'percentile'])(
    'calibrated by %s it answers nearly as before, from a quarter of the weights',
    async (method) => {
      const model = await modelOf(convolutional(17), { output: { labels: ['a', 'b', 'c', 'd', 'e'] } });
      const calibration = await datasetOf({ image: rowsOf([40, 3, 8, 8], 9) });
      const { artifact } = await runStage(quantize, { model, calibration }, { method });
      expect(artifact.facts).toMatchObject({ precision: 'int8', opset: 17, processing: { output: { labels: ['a', 'b', 'c', 'd', 'e'] } } });
      expect(artifact.facts.signature).toMatchObject({
        inputs: [{ name: 'image', shape: [null, 3, 8, 8] }],
        outputs: [{ name: 'scores' }],
      });
      expect(await readdir(artifact.path)).toEqual(['model.onnx']);
      expect(await int8Weights(artifact)).toHaveLength(2);
      const x = rowsOf([6, 3, 8, 8], 10);
      expect(signalToNoise(await answers(model, 'image', x), await answers(artifact, 'image', x))).toBeGreaterThan(15);
    },
  );

  test('each channel of a weight is symmetricQuantize of that channel of the original', async () => {
    const graph = perceptron(17);
    const model = await modelOf(graph);
    const { artifact } = await runStage(quantize, { model, calibration: await datasetOf({ x: rowsOf([30, 16], 5) }) }, {});
    const weights = await int8Weights(artifact);
    for (const { name, shape, data } of graph.initializers ?? []) {
      const made = weights.find((tensor) => tensor.name.startsWith(`${name}_`));
      expect(made?.shape).toEqual(shape);
      const int8 = new Int8Array(made?.raw ?? []);
      const [rows = 0, columns = 0] = shape;
      for (let column = 0; column < columns; column += 1) {
        const channel = Array.from({ length: rows }, (_, row) => (data as Float32Array)[row * columns + column] ?? 0);
        const stored = Array.from({ length: rows }, (_, row) => int8[row * columns + column]);
        expect(stored).toEqual([...symmetricQuantize(channel).quantized]);
      }
    }
  });

  test('the processing that is declared is applied to the calibration rows', async () => {
    const model = await modelOf(perceptron(17), { input: { scale: 1 / 255 } });
    const bytes: Tensor = { dtype: 'uint8', shape: [64, 16], data: Uint8Array.from(noise(64 * 16, 5), (value) => (value + 1) * 127.5) };
    const { artifact } = await runStage(quantize, { model, calibration: await datasetOf({ pixels: bytes }) }, {});
    // Calibrated on 0…255 instead of 0…1, every activation in 0…1 would be one and the same step.
    const x: Tensor = { dtype: 'float32', shape: [6, 16], data: noise(96, 6).map((value) => (value + 1) / 2) };
    expect(signalToNoise(await answers(model, 'x', x), await answers(artifact, 'x', x))).toBeGreaterThan(15);
  });

  test('an opset without per-channel weights is raised first', async () => {
    const model = await modelOf(convolutional(11));
    const calibration = await datasetOf({ image: rowsOf([20, 3, 8, 8], 9) });
    const { artifact } = await runStage(quantize, { model, calibration }, {});
    expect(artifact.facts.opset).toBe(13);
    expect(await int8Weights(artifact)).toHaveLength(2);
  });

  test('a model of a fixed batch is calibrated in that batch', async () => {
    const model = await modelOf(perceptron(17, 4));
    const { artifact } = await runStage(quantize, { model, calibration: await datasetOf({ x: rowsOf([10, 16], 5) }) }, {});
    expect(artifact.facts.signature.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [4, 16] }]);
    const few = await datasetOf({ x: rowsOf([3, 16], 5) });
    expect(await diagnosticOf(runStage(quantize, { model, calibration: few }, {}))).toMatchObject({ code: 'MF3105' });
  });

  test('one scale for the whole weight, and seven bits, are possible', async () => {
    const model = await modelOf(perceptron(17));
    const calibration = await datasetOf({ x: rowsOf([30, 16], 5) });
    const { artifact } = await runStage(quantize, { model, calibration }, { perChannel: false, reduceRange: true });
    const weights = await int8Weights(artifact);
    for (const { raw } of weights) expect(Math.max(...new Int8Array(raw ?? []).map(Math.abs))).toBeLessThanOrEqual(64);
  });
});

describe('dynamic int8', () => {
  test('is the default without calibration data', async () => {
    const model = await modelOf(perceptron(13));
    const { artifact, said } = await runStage(quantize, { model }, {});
    expect(artifact.facts.precision).toBe('int8');
    expect(said).toContain('2 weights are int8');
    const x = rowsOf([6, 16], 6);
    expect(signalToNoise(await answers(model, 'x', x), await answers(artifact, 'x', x))).toBeGreaterThan(15);
  });

  test('leaves convolutions as they are, and says so', async () => {
    const graph = convolutional(17);
    const nodes = [
      ...graph.nodes.slice(0, 3),
      { op: 'GlobalAveragePool', inputs: ['c'], outputs: ['d'] },
      { op: 'Flatten', inputs: ['d'], outputs: ['e'] },
      { op: 'MatMul', inputs: ['e', 'u'], outputs: ['scores'] },
    ];
    const outputs = [{ name: 'scores', dtype: 'float32' as const, shape: ['N', 2] }];
    const model = await modelOf({ ...graph, nodes, outputs, initializers: [...(graph.initializers ?? []), weight('u', [5, 2], 8)] });
    const { artifact, said } = await runStage(quantize, { model }, {});
    expect(said.join('\n')).toContain('2 convolutions stay float32');
    expect((await int8Weights(artifact)).map((tensor) => tensor.shape)).toEqual([[5, 2]]);
  });
});

describe('quantize refuses', () => {
  test('the static scheme without calibration data', async () => {
    const found = await diagnosticOf(runStage(quantize, { model: await modelOf(perceptron(17)) }, { scheme: 'static' }));
    expect(found).toMatchObject({ code: 'MF1105', hint: expect.stringContaining('calibration') });
  });

  test('calibration data that do not fit the model', async () => {
    const calibration = await datasetOf({ x: rowsOf([30, 15], 5) });
    const found = await diagnosticOf(runStage(quantize, { model: await modelOf(perceptron(17)), calibration }, {}));
    expect(found).toMatchObject({ code: 'MF3105', message: expect.stringContaining('Input x: ') });
  });

  test('a model that has nothing to quantize, or is int8 already', async () => {
    const sum: GraphSpec = { ...perceptron(17), nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }], initializers: [] };
    const empty = await modelOf({ ...sum, outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 16] }] });
    const found = await diagnosticOf(runStage(quantize, { model: empty }, {}));
    expect(found).toMatchObject({ code: 'MF3107', message: expect.stringContaining('no convolution or matrix product') });
    const { artifact } = await runStage(quantize, { model: await modelOf(perceptron(17)) }, {});
    expect(await diagnosticOf(runStage(quantize, { model: artifact }, {}))).toMatchObject({
      code: 'MF3107',
      message: 'The model is int8 already',
    });
  });
});
