import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from 'modelflow';
import { openModel } from 'modelflow/serve';
import { frozenGraph, kerasModel, savedModel, toOnnx } from 'modelflow/stages';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseOnnx } from '../../stages/lib/onnx-file.ts';
import { runStage } from '../data/run-stage.ts';
import { makeModels } from './models.ts';
import { diagnosticOf } from './raises.ts';

let modelAt: (name: string) => string;
beforeAll(async () => {
  modelAt = await makeModels(
    ...['cnn.keras', 'cnn-saved', 'two-ends.keras', 'two-ends-saved', 'recurrent.keras', 'perceptron.h5', 'frozen.pb', 'fixed-batch'],
    ...['corrupt.keras', 'lambda.keras', 'lambda.h5', 'custom.keras', 'unbuilt.keras', 'inverse', 'hash', 'writer', 'random'],
  );
});

async function sourceOf(name: string): Promise<Artifact> {
  const path = modelAt(name);
  if (/\.(keras|h5)$/.test(name)) return (await runStage(kerasModel, {}, { path })).artifact;
  if (name.endsWith('.pb')) return (await runStage(frozenGraph, {}, { path, inputs: ['row:0'], outputs: ['Identity'] })).artifact;
  return (await runStage(savedModel, {}, { path })).artifact;
}

async function exported(name: string, options: Readonly<Record<string, unknown>> = {}) {
  const { artifact, said } = await runStage(toOnnx, { model: await sourceOf(name) }, options);
  return { artifact, said, facts: artifact.facts, onnx: join(artifact.path, artifact.facts.model) };
}

const float = (name: string, ...shape: readonly (number | null)[]) => ({ name, dtype: 'float32', shape });

describe('a model of each form becomes an ONNX model that agrees with it', () => {
  test.each([
    ['cnn.keras', 13, [float('image', null, 32, 32, 3)], [float('logits', null, 5)]],
    ['cnn-saved', 17, [float('image', null, 32, 32, 3)], [float('output_0', null, 5)]],
    [
      'two-ends.keras',
      17,
      [float('numbers', null, 4), { name: 'words', dtype: 'int32', shape: [null, null] }],
      [float('topic', null, 3), float('score', null, 1)],
    ],
    ['recurrent.keras', 18, [float('input', null, null, 6)], [float('answer', null, 2)]],
    ['perceptron.h5', 15, [float('row', null, 6)], [float('scores', null, 3)]],
    ['frozen.pb', 17, [float('row', null, 6)], [float('Identity', null, 3)]],
    ['fixed-batch', 17, [float('x', 2, 4)], [float('output_0', 2, 4)]],
  ])('%s at opset %i', async (name, opset, inputs, outputs) => {
    const { facts, onnx, artifact, said } = await exported(name, { opset });
    expect(facts).toMatchObject({ opset, precision: 'float32', sizeBytes: (await readFile(onnx)).length });
    expect(facts.signature.inputs).toEqual(expect.arrayContaining(inputs));
    expect(facts.signature.inputs).toHaveLength(inputs.length);
    expect(facts.signature.outputs).toEqual(outputs);
    expect(parseOnnx(await readFile(onnx)).opsets.get('')).toBe(opset);
    expect(said.join('\n')).toMatch(/agrees with the original on 2 generated batches; largest error \d/);
    // Nothing of the comparison stays in the artifact.
    expect(await readdir(artifact.path)).toEqual([facts.model]);
  });

  test('any number of rows and any length goes through the converted model', async () => {
    const { onnx } = await exported('recurrent.keras');
    const model = await openModel(onnx);
    for (const [rows, length] of [
      [1, 1],
      [5, 9],
    ] as const) {
      const answer = await model.run({ input: { dtype: 'float32', shape: [rows, length, 6], data: new Float32Array(rows * length * 6) } });
      expect(answer['answer']?.shape).toEqual([rows, 2]);
    }
    await model.close();
  });

  test('the same model gives the same bytes again', async () => {
    const [first, second] = [await exported('two-ends-saved'), await exported('two-ends-saved')];
    expect((await readFile(first.onnx)).equals(await readFile(second.onnx))).toBe(true);
  });
});

describe('what cannot be exported is refused with its reason', () => {
  test.each([
    [
      'inverse',
      'MF3102',
      /no ONNX form at opset 17 for Lgamma at \S+, MatrixInverse at \S+/,
      /Try opset 18, or replace/,
      /^Lgamma at .*Lgamma/,
    ],
    ['hash', 'MF3102', /StringToHashBucketFast at /, /opset 18/, /^StringToHashBucketFast at /],
    ['corrupt.keras', 'MF3101', /Keras model cannot be loaded: /, /load it where it was made/, /./],
    ['lambda.keras', 'MF3101', /holds Python code \(a Lambda layer\)/, /Replace a Lambda layer/, /^plus_one$/],
    ['lambda.h5', 'MF3101', /holds Python code \(a Lambda layer\)/, /Replace a Lambda layer/, /^plus_one$/],
    ['custom.keras', 'MF3101', /Could not locate class 'Twice'/, /Export a SavedModel/, /./],
    ['unbuilt.keras', 'MF3101', /before it knew the shape of its input/, /Input layer/, undefined],
    ['writer', 'MF3101', /reads or writes files when it runs/, /Code in a model/, /^WriteFile /],
    [
      'random',
      'MF3103',
      /Output output_0 of the converted model differs from the original by \d/,
      /raise absoluteTol/,
      /first node that differs: RandomNormal/,
    ],
  ])('%s: %s', async (name, code, message, hint, detail) => {
    const found = await diagnosticOf(exported(name));
    expect(found).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
    if (detail) expect(found.detail?.join('\n')).toMatch(detail);
  });

  test.each([12, 19])('opset %i', async (opset) => {
    const found = await diagnosticOf(exported('perceptron.h5', { opset }));
    expect(found).toMatchObject({ code: 'MF3104', message: `Opset ${opset} is not one of 13 to 18, which tf2onnx writes` });
  });
});
