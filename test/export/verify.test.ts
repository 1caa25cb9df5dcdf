import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifact } from 'modelflow';
import { openModel, type Tensor } from 'modelflow/serve';
import { kerasModel, type OnnxModel, savedModel, toOnnx, verify } from 'modelflow/stages';
import { beforeAll, describe, expect, test } from 'vitest';
import { type OriginalModel, predictOriginal } from '../../stages/export/original.ts';
import { readNpy, writeNpy } from '../../stages/lib/npy.ts';
import { parseOnnx } from '../../stages/lib/onnx-file.ts';
import { runStage } from '../data/run-stage.ts';
import { datasetOf } from '../evaluate/artifacts.ts';
import { realPython, silent } from '../evaluate/python.ts';
import { makeModels } from './models.ts';
import { diagnosticOf } from './raises.ts';

interface Pair {
  readonly original: Artifact;
  readonly converted: Artifact<typeof OnnxModel>;
}
let twoEnds: Pair;
let fixedBatch: Pair;
let images: Pair;
beforeAll(async () => {
  const modelAt = await makeModels('two-ends.keras', 'fixed-batch', 'cnn-saved');
  const convert = async (original: Artifact): Promise<Pair> => {
    const { artifact } = await runStage(toOnnx, { model: original }, {});
    return { original, converted: artifact as Artifact<typeof OnnxModel> };
  };
  twoEnds = await convert((await runStage(kerasModel, {}, { path: modelAt('two-ends.keras') })).artifact);
  images = await convert((await runStage(savedModel, {}, { path: modelAt('cnn-saved') })).artifact);
  fixedBatch = await convert((await runStage(savedModel, {}, { path: modelAt('fixed-batch') })).artifact);
});

const rows = 7;
const numbers: Tensor = {
  dtype: 'float64',
  shape: [rows, 4],
  data: Float64Array.from({ length: rows * 4 }, (_, index) => Math.sin(index)),
};
const words: Tensor = {
  dtype: 'int64',
  shape: [rows, 5],
  data: BigInt64Array.from({ length: rows * 5 }, (_, index) => BigInt(index % 30)),
};

/** The same model with one weight moved by `by`. */
async function withWeight(artifact: Artifact<typeof OnnxModel>, name: RegExp, by: number): Promise<Artifact> {
  const path = await mkdtemp(join(tmpdir(), 'modelflow-changed-'));
  await cp(artifact.path, path, { recursive: true });
  const file = join(path, artifact.facts.model);
  const bytes = await readFile(file);
  const raw = parseOnnx(bytes).tensors.find((tensor) => name.test(tensor.name))?.raw;
  if (!raw) throw new Error(`no weight ${name}`);
  // The parser copies nothing: writing into what it found changes the file.
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  view.setFloat32(0, view.getFloat32(0, true) + by, true);
  await writeFile(file, bytes);
  return { ...artifact, path } as Artifact;
}

describe('verify', () => {
  test('reports how far each output is from the original', async () => {
    const { artifact } = await runStage(verify, { ...twoEnds, data: await datasetOf({ numbers, words }) }, {});
    expect(artifact.facts).toMatchObject({ rows, absoluteTolerance: 1e-4, relativeTolerance: 1e-3 });
    expect(artifact.facts.outputs.map((output) => output.name)).toEqual(['topic', 'score']);
    expect(artifact.facts.maxAbsoluteError).toBeGreaterThan(0);
    expect(artifact.facts.maxAbsoluteError).toBeLessThan(1e-5);
    expect(JSON.parse(await readFile(join(artifact.path, 'report.json'), 'utf8'))).toEqual(artifact.facts);
    expect(await readdir(artifact.path)).toEqual(['report.json']);
  });

  test('names the output, the row and the first node when a weight is not what it was', async () => {
    const converted = await withWeight(twoEnds.converted, /both.*(MatMul|Cast)\/ReadVariableOp/, 0.5);
    const run = runStage(verify, { ...twoEnds, converted, data: await datasetOf({ numbers, words }) }, {});
    const found = await diagnosticOf(run);
    expect(found).toMatchObject({ code: 'MF3103', message: expect.stringMatching(/^Output topic .* of 21 values; worst in row \d$/) });
    expect(found.detail).toHaveLength(3);
    expect(found.detail?.[1]).toMatch(/^output score: \d of 7 values beyond the tolerance/);
    expect(found.detail?.[2]).toMatch(/^first node that differs: MatMul \S*both\S* .*, after \S+, which agrees$/);
  });

  test('finds the layer of an image model, whose channels the converter moved to the front', async () => {
    const converted = await withWeight(images.converted, /separable.*pointwise|separable_conv2d.*ReadVariableOp/, 5);
    const image: Tensor = {
      dtype: 'float32',
      shape: [2, 32, 32, 3],
      data: Float32Array.from({ length: 6144 }, (_, index) => Math.cos(index)),
    };
    const found = await diagnosticOf(runStage(verify, { ...images, converted, data: await datasetOf({ image }) }, {}));
    expect(found.detail?.at(-1)).toMatch(/^first node that differs: \w+ \S*separable\S* /);
  });

  test('numbers rows as the dataset does when only some are compared', async () => {
    // softmax(3.5 x) is softmax(3 x) where x is zero. Of 7 rows, 0, 2 and 4 are compared; only row 4 is not zero.
    const converted = await withWeight(fixedBatch.converted, /./, 0.5);
    const x: Tensor = { dtype: 'float32', shape: [7, 4], data: new Float32Array(28).fill(1, 16, 18) };
    const found = await diagnosticOf(runStage(verify, { ...fixedBatch, converted, data: await datasetOf({ x }) }, { rows: 3 }));
    expect(found.message).toMatch(/in 4 of 12 values; worst in row 4$/);
    expect(found.detail?.[0]).toContain('worst at row 4, element');
  });

  test('a larger tolerance accepts what a smaller one refuses', async () => {
    const converted = await withWeight(twoEnds.converted, /score.*ReadVariableOp/, 0.001);
    const data = await datasetOf({ numbers, words });
    expect((await diagnosticOf(runStage(verify, { ...twoEnds, converted, data }, {}))).code).toBe('MF3103');
    const { artifact } = await runStage(verify, { ...twoEnds, converted, data }, { absoluteTolerance: 0.1 });
    expect(artifact.facts.maxAbsoluteError).toBeGreaterThan(1e-4);
  });

  test('a model of a fixed batch is compared on any number of rows', async () => {
    const x: Tensor = { dtype: 'float32', shape: [5, 4], data: Float32Array.from({ length: 20 }, (_, index) => index / 7) };
    const { artifact } = await runStage(verify, { ...fixedBatch, data: await datasetOf({ x }) }, {});
    expect(artifact.facts).toMatchObject({ rows: 5, outputs: [{ name: 'output_0' }] });
  });

  test('says which input the data does not fit', async () => {
    const wide: Tensor = { ...numbers, shape: [rows * 2, 2] };
    const data = await datasetOf({ numbers: wide, words: { ...words, shape: [rows * 5, 1] } });
    const found = await diagnosticOf(runStage(verify, { ...twoEnds, data }, {}));
    expect(found).toMatchObject({ code: 'MF3105', message: expect.stringContaining('Input numbers: ') });
    const unnamed = await datasetOf({ a: numbers, words });
    expect((await diagnosticOf(runStage(verify, { ...twoEnds, data: unnamed }, {}))).message).toContain('numbers');
  });
});

describe('predictOriginal', () => {
  const predict = async (
    pair: Pair,
    inputs: Readonly<Record<string, Tensor>>,
    more: { latencySamples?: number; byOrder?: boolean } = {},
  ) => {
    const out = await mkdtemp(join(tmpdir(), 'modelflow-predict-'));
    const files: Record<string, string> = {};
    for (const [index, [name, tensor]] of Object.entries(inputs).entries()) {
      files[name] = join(out, `given-${index}.npy`);
      await writeNpy(files[name], tensor);
    }
    const ctx = { python: realPython(), log: silent };
    return await predictOriginal(ctx, pair.original as OriginalModel, { inputs: files, out, ...more });
  };

  test('gives what the serving runtime gives for the converted model, the signature, and latencies of single rows', async () => {
    const answer = await predict(twoEnds, { numbers, words }, { latencySamples: 12 });
    expect(answer.signature.inputs).toEqual([
      { name: 'numbers', dtype: 'float32', shape: [null, 4] },
      { name: 'words', dtype: 'int32', shape: [null, null] },
    ]);
    expect(answer.latenciesMs).toHaveLength(12);
    expect(Math.min(...answer.latenciesMs)).toBeGreaterThan(0);

    const model = await openModel(join(twoEnds.converted.path, twoEnds.converted.facts.model));
    const same = await model.run({
      numbers: { ...numbers, dtype: 'float32', data: Float32Array.from(numbers.data as Float64Array) },
      words: { ...words, dtype: 'int32', data: Int32Array.from(words.data as BigInt64Array, Number) },
    });
    await model.close();
    for (const { name, file } of answer.outputs) {
      const original = await readNpy(file);
      expect(original.shape).toEqual(same[name]?.shape);
      for (const [index, value] of (original.data as Float32Array).entries()) expect(value).toBeCloseTo(Number(same[name]?.data[index]), 5);
    }
  });

  test('takes the only input under any name, and lays out rows anew when their size fits', async () => {
    const x: Tensor = { dtype: 'float64', shape: [5, 2, 2], data: Float64Array.from({ length: 20 }, (_, index) => index) };
    const { outputs, signature } = await predict(fixedBatch, { '': x });
    expect(signature.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [2, 4] }]);
    expect((await readNpy(outputs[0]?.file ?? '')).shape).toEqual([5, 4]);
  });

  test('refuses rows that do not fit, and inputs under foreign names unless their order is meant', async () => {
    const narrow = await diagnosticOf(predict(fixedBatch, { x: { dtype: 'float32', shape: [2, 3], data: new Float32Array(6) } }));
    expect(narrow).toMatchObject({
      code: 'MF3105',
      message: expect.stringContaining('input x takes rows of shape [4], and the data has rows of shape [3]'),
    });
    const foreign = await diagnosticOf(predict(twoEnds, { a: numbers, b: words }));
    expect(foreign).toMatchObject({
      code: 'MF3105',
      message: expect.stringContaining('the model takes numbers, words; the data has a, b'),
    });
    expect((await predict(twoEnds, { a: numbers, b: words }, { byOrder: true })).outputs).toHaveLength(2);
  });
});
