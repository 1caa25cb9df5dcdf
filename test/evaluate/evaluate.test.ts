import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from 'modelflow';
import type { ProcessingInput, Tensor } from 'modelflow/serve';
import { evaluate, OnnxModel } from 'modelflow/stages';
import { describe, expect, test } from 'vitest';
import { readNpy } from '../../stages/lib/npy.ts';
import { runStage } from '../data/run-stage.ts';
import { identity, linear, mixedRows, sumAndDifference } from '../serve/example-models.ts';
import type { GraphSpec } from '../serve/onnx-model.ts';
import { datasetOf, float, onnxOf, strings, whole } from './artifacts.ts';

interface Wanted {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly graph: GraphSpec;
  readonly processing?: ProcessingInput;
  readonly options?: Readonly<Record<string, unknown>>;
}

async function evaluated({ x, y, graph, processing, options }: Wanted) {
  return await measured(await onnxOf(OnnxModel, graph, processing), await datasetOf({ x }, y), options);
}

async function measured(model: Artifact, data: Artifact, options: Readonly<Record<string, unknown>> = {}) {
  const { artifact, said } = await runStage(evaluate, { model, data }, { latencySamples: 5, ...options });
  const report = JSON.parse(await readFile(join(artifact.path, 'report.json'), 'utf8'));
  return { facts: artifact.facts, report, said, predictions: await readNpy(join(artifact.path, 'predictions.npy')) };
}

/** Its scores are its inputs. */
const scores = (classes: number): GraphSpec => identity('float32', ['N', classes]);

describe('what is measured', () => {
  test('classes: the numbers of scikit-learn, a row per class, the confusion matrix and latency', async () => {
    const x = float([4, 3], 0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.4, 0.3, 0.2, 0.2, 0.6);
    const { facts, report, predictions } = await evaluated({ x, y: whole(0, 1, 2, 2), graph: scores(3) });
    expect(facts).toMatchObject({
      task: 'multiclass',
      rows: 4,
      model: 'onnx-model, float32',
      sizeBytes: 1234,
      accuracy: 0.75,
      f1Micro: 0.75,
    });
    // f1 of the classes: 1, 2/3, 2/3.
    expect(facts.f1Macro).toBeCloseTo(7 / 9, 14);
    expect(facts.precisionMacro).toBeCloseTo(5 / 6, 14);
    expect(facts.balancedAccuracy).toBeCloseTo(5 / 6, 14);
    expect(facts.logLoss).toBeCloseTo(-(Math.log(0.7) + Math.log(0.8) + Math.log(0.3) + Math.log(0.6)) / 4, 6);
    expect(facts.rocAuc).toBe(1);
    expect(facts.top3Accuracy).toBeUndefined();
    expect(facts.latencyP50Ms).toBeGreaterThan(0);
    expect(facts.latencyP99Ms).toBeGreaterThanOrEqual(facts.latencyP50Ms);
    expect(report.confusionMatrix).toMatchObject({
      rows: 'truth',
      labels: ['0', '1', '2'],
      counts: [
        [1, 0, 0],
        [0, 1, 0],
        [0, 1, 1],
      ],
    });
    expect(report.classes[1]).toEqual({ index: 1, name: '1', support: 1, predicted: 2, precision: 0.5, recall: 1, f1: 2 / 3 });
    expect(report.latency).toMatchObject({ samples: 5, rowsPerRun: 1, threads: 1 });
    expect(report.calibration.bins).toHaveLength(15);
    expect(predictions).toEqual({ ...x, shape: [4, 3] });
  });

  test('two classes with one output: above one half is the second', async () => {
    const x = float([5, 1], 0.1, 0.4, 0.4, 0.35, 0.8);
    const { facts, report } = await evaluated({ x, y: whole(0, 1, 0, 1, 1), graph: scores(1) });
    expect(facts).toMatchObject({ task: 'binary', rocAuc: 0.75, accuracy: 0.6, precision: 1, f1: 0.5 });
    expect(facts.recall).toBeCloseTo(1 / 3, 14);
    expect(facts.calibrationError).toBeGreaterThan(0);
    expect(report.notes).toContain('a row is 1 when its score is above 0.5');
  });

  test('numbers: MSE, half the sum of squares, MAE and R² by hand', async () => {
    const { facts } = await evaluated({ x: float([4, 1], 2.5, 0, 2, 8), y: float([4], 3, -0.5, 2, 7), graph: scores(1) });
    expect(facts).toMatchObject({ task: 'regression', meanSquaredError: 0.375, halfSumOfSquares: 0.75, meanAbsoluteError: 0.5 });
    expect(facts.r2).toBeCloseTo(0.9486081370449679, 12);
    expect(facts.accuracy).toBeUndefined();
  });

  test('a score of exactly one half is not above it', async () => {
    const { facts } = await evaluated({ x: float([2, 1], 0.5, 0.75), y: whole(0, 1), graph: scores(1) });
    expect(facts.accuracy).toBe(1);
  });

  test('the log-loss of a sure mistake is bounded by the precision of the output', async () => {
    const { facts } = await evaluated({ x: float([2, 2], 1, 0, 1, 0), y: whole(0, 1), graph: scores(2) });
    expect(facts.logLoss).toBeCloseTo(7.971192359924316, 6);
  });

  test('several numbers a row', async () => {
    const { facts } = await evaluated({ x: float([3, 2], 0, 2, -1, 2, 8, -5), y: float([3, 2], 0.5, 1, -1, 1, 7, -6), graph: scores(2) });
    expect(facts.task).toBe('regression');
    expect(facts.meanSquaredError).toBeCloseTo(0.7083333333333334, 12);
    expect(facts.r2).toBeCloseTo(0.9368005266622779, 12);
  });

  test('a model that gives classes and no scores', async () => {
    const x: Tensor = { dtype: 'int64', shape: [4], data: BigInt64Array.of(0n, 7n, 7n, 3n) };
    const { facts, report } = await evaluated({ x, y: whole(0, 7, 3, 3), graph: identity('int64', ['N']) });
    expect(facts).toMatchObject({ task: 'multiclass', accuracy: 0.75 });
    expect(facts.rocAuc).toBeUndefined();
    expect(report.confusionMatrix.labels).toEqual(['0', '3', '7']);
    expect(report.notes[0]).toMatch(/gives classes and no scores/);
  });

  test('float16 outputs are measured as the numbers they stand for', async () => {
    // 0.25 and 0.75 as halves.
    const x: Tensor = { dtype: 'float16', shape: [2, 1], data: Uint16Array.of(0x3400, 0x3a00) };
    const { facts } = await evaluated({ x, y: whole(0, 1), graph: identity('float16', ['N', 1]) });
    expect(facts).toMatchObject({ task: 'binary', accuracy: 1 });
    expect(facts.logLoss).toBeCloseTo(-Math.log(0.75), 12);
  });
});

describe('how labels are read', () => {
  const x = float([3, 3], 0.8, 0.1, 0.1, 0.1, 0.8, 0.1, 0.1, 0.1, 0.8);

  test('one-hot rows, whole numbers saved as floats, bytes and booleans are classes', async () => {
    const graph = scores(3);
    for (const y of [
      float([3, 3], 1, 0, 0, 0, 1, 0, 0, 0, 1),
      float([3], 0, 1, 2),
      { dtype: 'uint8', shape: [3, 1], data: Uint8Array.of(0, 1, 2) } as const,
    ])
      expect((await evaluated({ x, y, graph })).facts).toMatchObject({ task: 'multiclass', accuracy: 1 });
    const y: Tensor = { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) };
    expect((await evaluated({ x: float([2, 1], 0.9, 0.8), y, graph: scores(1) })).facts).toMatchObject({ task: 'binary', accuracy: 0.5 });
  });

  test('names are matched through the labels that the processing declares', async () => {
    const processing = { output: { labels: ['cat', 'dog', 'eel'] } };
    const { facts, report } = await evaluated({ x, y: strings('cat', 'dog', 'dog'), graph: scores(3), processing });
    expect(facts.accuracy).toBeCloseTo(2 / 3, 14);
    expect(report.confusionMatrix.labels).toEqual(['cat', 'dog', 'eel']);
    await expect(evaluated({ x, y: strings('cat', 'dogg', 'dog'), graph: scores(3), processing })).rejects.toMatchObject({
      message: expect.stringMatching(/MF3105: label "dogg" of row 1 is no class of the model: cat, dog, eel/),
      diagnostics: [{ hint: 'Did you mean dog?' }],
    });
    await expect(evaluated({ x, y: strings('a', 'b', 'c'), graph: scores(3) })).rejects.toThrow(/MF3105: the labels are names/);
  });

  test('of two numbers that are not 0 and 1 the larger is the positive class', async () => {
    const { facts, report } = await evaluated({ x: float([3, 1], 0.9, 0.2, 0.1), y: whole(1, -1, 1), graph: scores(1) });
    expect(facts).toMatchObject({ task: 'binary', precision: 1, recall: 0.5 });
    expect(report.notes[0]).toBe('the positive class is 1');
    expect(report.confusionMatrix.labels).toEqual(['-1', '1']);
  });

  test('float 0 and 1 are a regression, unless the model declares that it classifies', async () => {
    const wanted = { x: float([2, 1], 0.2, 0.9), y: float([2], 0, 1), graph: scores(1) };
    expect((await evaluated(wanted)).facts.task).toBe('regression');
    expect((await evaluated({ ...wanted, processing: { output: { labels: ['no', 'yes'] } } })).facts).toMatchObject({
      task: 'binary',
      accuracy: 1,
    });
    expect((await evaluated({ ...wanted, options: { task: 'binary' } })).facts).toMatchObject({ task: 'binary', accuracy: 1 });
  });

  test('two outputs are two classes, and binary when that is asked for', async () => {
    const wanted = { x: float([2, 2], 0.9, 0.1, 0.4, 0.6), y: whole(0, 1), graph: scores(2) };
    expect((await evaluated(wanted)).facts).toMatchObject({ task: 'multiclass', rocAuc: 1 });
    expect((await evaluated({ ...wanted, options: { task: 'binary' } })).facts).toMatchObject({ task: 'binary', rocAuc: 1, precision: 1 });
  });
});

describe('what is not defined is left out and explained', () => {
  test('only one class in the labels', async () => {
    const { facts, report } = await evaluated({ x: float([2, 1], 0.2, 0.9), y: whole(1, 1), graph: scores(1) });
    expect(facts.rocAuc).toBeUndefined();
    expect(facts.recall).toBe(0.5);
    expect(report.metrics.rocAuc).toBeNull();
    expect(report.notes).toContain('rocAuc is not defined: only one class occurs in the labels');
  });

  test('scores that are no probabilities: ranked, decided at 0, no log-loss', async () => {
    const { facts, report } = await evaluated({ x: float([3, 1], -2, 0.3, 4), y: whole(0, 1, 1), graph: scores(1) });
    expect(facts).toMatchObject({ accuracy: 1, rocAuc: 1 });
    expect(facts.logLoss).toBeUndefined();
    expect(report.notes.join()).toMatch(/no probabilities.*declare `processing.output.activation`/);
  });

  test('a declared activation makes them probabilities', async () => {
    const processing = { output: { activation: 'sigmoid' as const } };
    const { facts, predictions } = await evaluated({ x: float([3, 1], -2, 0.3, 4), y: whole(0, 1, 1), graph: scores(1), processing });
    expect(facts.accuracy).toBe(1);
    expect(facts.logLoss).toBeCloseTo((Math.log1p(Math.exp(-2)) + Math.log1p(Math.exp(-0.3)) + Math.log1p(Math.exp(-4))) / 3, 6);
    expect((predictions.data as Float32Array)[2]).toBeCloseTo(1 / (1 + Math.exp(-4)), 6);
  });

  test('r2 of a single row', async () => {
    const { facts, report } = await evaluated({ x: float([1, 1], 2), y: float([1], 3), graph: scores(1) });
    expect(facts).toMatchObject({ task: 'regression', meanSquaredError: 1 });
    expect(facts.r2).toBeUndefined();
    expect(report.notes).toEqual(['r2 is not defined for a single row']);
  });
});

describe('how rows reach the model', () => {
  test('raw rows go through the declared processing, batch by batch, the last one smaller', async () => {
    const x: Tensor = { dtype: 'uint8', shape: [5, 3], data: Uint8Array.from({ length: 15 }, (_, index) => index * 10) };
    const processing = { input: { scale: 0.1, mean: [1] } };
    const { predictions } = await evaluated({
      x,
      y: float([5, 2], ...Array(10).fill(0)),
      graph: linear(),
      processing,
      options: { batch: 2 },
    });
    // Row 1 is (30, 40, 50) → (2, 3, 4) → 2 + 9 + 20 + 0.5, 4 + 12 + 24 − 0.5.
    expect([...(predictions.data as Float32Array)].slice(2, 4)).toEqual([31.5, 39.5]);
    expect(predictions.shape).toEqual([5, 2]);
  });

  test('a model that takes exactly four rows gets the last one again, and gives no row twice', async () => {
    const x = float([6, 2], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    const { predictions, report } = await evaluated({ x, y: x, graph: identity('float32', [4, 2]), options: { task: 'regression' } });
    expect(predictions).toEqual(x);
    expect(report.latency.rowsPerRun).toBe(4);
  });

  test('several inputs are matched by name, and the output is chosen', async () => {
    const [a, b] = [whole(5, 7), whole(2, 3)].map((tensor) => ({ ...tensor, shape: [1, 2] }) as const);
    const model = await onnxOf(OnnxModel, sumAndDifference('int64'));
    const data = await datasetOf({ b: b as Tensor, a: a as Tensor }, float([1, 2], 3, 4));
    const difference = await measured(model, data, { output: 'difference', task: 'regression' });
    expect(difference.facts.meanSquaredError).toBe(0);
    expect(difference.report.output).toBe('difference');
    expect((await measured(model, data, { task: 'regression' })).facts.meanAbsoluteError).toBe(5);
    await expect(measured(model, data, { output: 'diference' })).rejects.toMatchObject({
      diagnostics: [{ code: 'MF3105', hint: 'Did you mean difference?' }],
    });
    await expect(measured(model, await datasetOf({ a: a as Tensor, c: b as Tensor }, whole(1)))).rejects.toThrow(
      /MF3105: The model takes the inputs a, b; the dataset has the inputs a, c/,
    );
    const more = await datasetOf({ a: a as Tensor, b: b as Tensor, c: b as Tensor }, whole(1));
    await expect(measured(model, more)).rejects.toThrow(/the dataset has the inputs a, b, c/);
  });
});

describe('what does not fit is MF3105 with expected and got', () => {
  const ok = float([2, 3], 1, 0, 0, 0, 1, 0);

  test.each<[string, Partial<Wanted>, RegExp]>([
    [
      'rows of another shape',
      { x: float([2, 4], 1, 2, 3, 4, 5, 6, 7, 8) },
      /Input x: it takes rows of shape \[3\] \(float32 \[-1, 3\]\), the rows have shape \[4\]$/,
    ],
    ['a class that the model has not', { y: whole(0, 3) }, /the label of row 1 is 3; the model has classes 0 to 2/],
    ['a label that is no class', { y: float([2], 0.5, 1) }, /the label of row 0 is 0.5/],
    ['labels of another shape', { y: float([2, 2], 0.5, 1, 1, 2) }, /labels of shape \(2, 2\) do not fit output y of shape \(2, 3\)/],
    ['two hot in one row', { y: float([2, 3], 1, 1, 0, 0, 0, 1), options: { task: 'multiclass' } }, /do not fit output y/],
    ['the wrong number of names', { processing: { output: { labels: ['a', 'b'] } } }, /names 2 classes, and output y has 3/],
    ['a NaN in the output', { x: float([2, 3], 1, 0, 0, 0, Number.NaN, 0) }, /output y is NaN in row 1/],
    ['binary with three outputs', { options: { task: 'binary' } }, /3 values a row; a binary task takes 1 or 2/],
  ])('%s', async (_, change, message) => {
    const run = evaluated({ x: ok, y: whole(0, 1), graph: scores(3), ...change });
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toMatchObject({ diagnostics: [{ code: 'MF3105' }] });
  });

  test('an output whose first dimension is not the rows', async () => {
    const graph: GraphSpec = {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [3, 'N'] }],
      nodes: [{ op: 'Transpose', inputs: ['x'], outputs: ['y'], attributes: { perm: [1, 0] } }],
    };
    await expect(evaluated({ x: ok, y: whole(0, 1), graph })).rejects.toThrow(/MF3105: Output y has shape \(3, 2\) for 2 rows/);
  });

  test('a dataset without labels', async () => {
    const model = await onnxOf(OnnxModel, mixedRows());
    await expect(measured(model, await datasetOf({ x: ok }))).rejects.toThrow(/MF3105: The dataset has no labels/);
  });
});
