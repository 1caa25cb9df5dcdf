import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OnnxModel } from 'modelflow/stages';
import { fixture, targetSuite } from 'modelflow/testing';
import { afterAll, test } from 'vitest';
import { modelRepository } from './model-repository.ts';

const folder = mkdtempSync(join(tmpdir(), 'model-repository-'));
afterAll(() => rmSync(folder, { recursive: true }));

const model = (bytes: string) =>
  fixture(
    OnnxModel,
    {
      model: 'm.onnx',
      opset: 17,
      precision: 'float32',
      sizeBytes: bytes.length,
      signature: {
        inputs: [{ name: 'x', dtype: 'float32', shape: [null, 3] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: [null, 2] }],
      },
      processing: { input: {}, output: { activation: 'none' } },
    },
    { 'm.onnx': bytes },
  );

const suite = targetSuite({
  target: modelRepository({ folder }),
  releases: [model('one'), model('two')],
  service: 'digits',
  // A server that watches the repository: it must always find a model.
  ask: async ({ service }) => {
    const [first] = (await readdir(join(folder, service))).filter((name) => /^\d+$/.test(name));
    if (first === undefined) throw new Error('there is no version to serve');
  },
});
for (const { name, run } of suite) test(name, run);
