import { cpSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeModels } from '../export/models.ts';
import { makeRig, type Rig } from '../support/rig.ts';

const config = (build: string): string => `
import { atLeast, definePipeline, dropAtMost } from 'modelflow';
import { bundle, dataset, evaluate, kerasModel, quantize, savedModel, toOnnx, verify } from 'modelflow/stages';
export default definePipeline({ name: 'export', build: () => {
  const digits = () => kerasModel({ path: './digits.keras', processing: { input: { scale: 1 / 255 } } });
  ${build}
} });
`;

function digitsRig(build: string): Rig {
  const rig = makeRig({ 'deploy.config.ts': config(build) });
  for (const name of ['digits.keras', 'test.npz', 'calibration.npz']) cpSync(`examples/digits/${name}`, rig.path(name));
  return rig;
}

async function expectWholeStore(rig: Rig): Promise<void> {
  const verify = await rig.run('cache', 'verify');
  expect(verify.code, verify.stdout).toBe(0);
}

describe('from Keras to int8, by the CLI', () => {
  it('measures, converts, checks and quantizes; a gate on the drop refuses by how much', async () => {
    const rig = digitsRig(`
      const model = digits();
      const test = dataset({ path: './test.npz' });
      const before = evaluate({ model, data: test });
      const onnx = toOnnx({ model, opset: 15 });
      const parity = verify({ original: model, converted: onnx, data: test, rows: 50 });
      const int8 = quantize({ model: onnx, calibration: dataset({ path: './calibration.npz' }) });
      const after = evaluate({ model: int8, data: test });
      return { before, onnx, parity, int8, after, release: bundle({ model: int8, gates: [dropAtMost(before, after, 'accuracy', -0.5)] }) };`);
    const run = await rig.run('run');
    expect(run.code, run.stderr).toBe(3);
    expect(run.stderr).toMatch(/MF4001.*accuracy went from 0\.99 to 0\.9\d*: missed by 0\.\d+/s);
    const onnx = JSON.parse((await rig.run('inspect', 'onnx', '--json')).stdout);
    expect(onnx.facts).toMatchObject({
      opset: 15,
      precision: 'float32',
      signature: { inputs: [{ dtype: 'float32', shape: [null, 28, 28] }] },
    });
    const [before, after] = await Promise.all(
      ['before', 'after'].map(async (name) => JSON.parse((await rig.run('inspect', name, '--json')).stdout).facts),
    );
    expect(before.rows).toBe(500);
    expect(Math.abs(before.accuracy - after.accuracy)).toBeLessThan(0.02);
    expect(after.sizeBytes).toBeLessThan(before.sizeBytes / 3);
    // A second run has nothing to make: it refuses at once, without Python.
    const again = await rig.start(['run'], { env: { PATH: rig.path('nothing'), MODELFLOW_PYTHON: '' } }).finished;
    expect(again.code).toBe(3);
    await expectWholeStore(rig);
  });

  it('a mismatch names the output, the error and the first node that differs', async () => {
    const rig = digitsRig(`
      const model = digits();
      const converted = toOnnx({ model });
      return { parity: verify({ original: model, converted, data: dataset({ path: './test.npz' }), rows: 20, absoluteTolerance: 0, relativeTolerance: 0 }) };`);
    const run = await rig.run('run');
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('MF3103');
    expect(run.stderr).toMatch(/first node/i);
    expect(run.stderr).toMatch(/hint/);
    await expectWholeStore(rig);
  });

  it('an operator that cannot be exported is named with its node', async () => {
    const at = await makeModels('hash');
    const rig = makeRig({ 'deploy.config.ts': config("return { onnx: toOnnx({ model: savedModel({ path: './model' }), opset: 18 }) };") });
    cpSync(at('hash'), rig.path('model'), { recursive: true });
    const run = await rig.run('run');
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('MF3102');
    expect(run.stderr).toContain('StringToHashBucketFast');
    expect(run.stderr).toMatch(/hint/);
    await expectWholeStore(rig);
  });
});
