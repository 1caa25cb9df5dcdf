import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from 'modelflow';
import { type Tensor, toNumbers } from 'modelflow/serve';
import { dataset, evaluate, kerasModel, toOnnx } from 'modelflow/stages';
import { expect, test } from 'vitest';
import { readNpy } from '../../stages/lib/npy.ts';
import { runStage } from '../data/run-stage.ts';
import { askScikitLearn } from './judge.ts';

const example = (name: string): string => new URL(`../../examples/digits/${name}`, import.meta.url).pathname;

const processing = {
  input: { image: { width: 28, height: 28, channels: 1 }, scale: 1 / 255, layout: 'NHW' },
  output: { labels: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] },
};

async function measured(model: Artifact, data: Artifact) {
  const { artifact } = await runStage(evaluate, { model, data }, { latencySamples: 20, batch: 48 });
  const predictions = await readNpy(join(artifact.path, 'predictions.npy'));
  expect((await readdir(artifact.path)).sort()).toEqual(['predictions.npy', 'report.json']);
  return { facts: artifact.facts, predictions, report: JSON.parse(await readFile(join(artifact.path, 'report.json'), 'utf8')) };
}

const rowsOf = ({ data, shape: [rows = 0, width = 0] }: Tensor): number[][] =>
  Array.from({ length: rows }, (_, row) => [...(data as Float32Array).subarray(row * width, (row + 1) * width)]);

test('a Keras model and its ONNX form say the same of the same raw rows, and scikit-learn says the same of both', async () => {
  const data = (await runStage(dataset, {}, { path: example('test.npz') })).artifact as Artifact;
  const keras = (await runStage(kerasModel, {}, { path: example('digits.keras'), processing })).artifact as Artifact;
  const onnx = (await runStage(toOnnx, { model: keras }, {})).artifact as Artifact;
  const [before, after] = [await measured(keras, data), await measured(onnx, data)];

  const rows = rowsOf(before.predictions);
  expect(rows).toHaveLength(before.facts.rows);
  const difference = rowsOf(after.predictions).flatMap((row, index) => row.map((value, at) => Math.abs(value - (rows[index]?.[at] ?? 0))));
  expect(Math.max(...difference)).toBeLessThan(1e-5);
  expect(before.facts).toMatchObject({ task: 'multiclass', model: 'keras-model, keras', accuracy: after.facts.accuracy });
  expect(after.facts).toMatchObject({ task: 'multiclass', model: 'onnx-model, float32' });
  expect(before.facts.accuracy).toBeGreaterThan(0.95);
  expect(before.facts.latencyP50Ms).toBeGreaterThan(0);
  expect(before.report.latency).toMatchObject({ samples: 20, rowsPerRun: 1, threads: 1 });

  const actual = [...toNumbers(await readNpy(join(data.path, 'y.npy')))];
  const predicted = rows.map((row) => row.indexOf(Math.max(...row)));
  const [counts, scores] = await askScikitLearn([
    { kind: 'counts', actual, predicted, classes: 10 },
    { kind: 'scores', actual, scores: rows, dtype: 'float32' },
  ]);
  expect(before.facts.accuracy).toBe(counts?.['accuracy']);
  expect([before.facts.precisionMacro, before.facts.recallMacro, before.facts.f1Macro]).toEqual(
    [counts?.['macro/0']].flat().map((value) => expect.closeTo(value ?? Number.NaN, 12)),
  );
  expect(before.report.confusionMatrix.counts.flat()).toEqual(counts?.['confusion']);
  expect(before.facts.rocAuc).toBeCloseTo(Number(scores?.['rocAuc']), 12);
  expect(before.facts.prAuc).toBeCloseTo(Number(scores?.['averagePrecision']), 12);
  expect(before.facts.logLoss).toBeCloseTo(Number(scores?.['logLoss']), 6);
  expect(before.facts.calibrationError).toBeCloseTo(Number(scores?.['calibrationError']), 6);
  expect([before.facts.top3Accuracy, before.facts.top5Accuracy]).toEqual([2, 4].map((k) => [scores?.['topK']].flat()[k]));
});
