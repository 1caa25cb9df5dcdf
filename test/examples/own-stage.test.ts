import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { makeRig, type Rig } from '../support/rig.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));

async function copied(): Promise<Rig> {
  const rig = makeRig();
  await cp(`${examples}/own-stage`, rig.path('own-stage'), { recursive: true, filter: (path) => !path.includes('.modelflow') });
  for (const name of ['test.npz', 'calibration.npz']) await cp(`${examples}/digits/${name}`, rig.path(`digits/${name}`));
  return rig;
}

test('a stage of one file runs, shows its facts, is reused, and runs again when its version is raised', async () => {
  const rig = await copied();
  const run = () => rig.run('run', '--config', 'own-stage/typescript/deploy.config.ts', '--json');
  const first = await run();
  expect(first.code, first.stderr).toBe(0);
  expect(first.stdout).toMatch(/"fewestRows":4\d/);
  expect((await rig.run('plan', '--config', 'own-stage/typescript/deploy.config.ts', '--detailed-exitcode')).code).toBe(0);

  const source = rig.path('own-stage/typescript/class-balance.ts');
  await writeFile(source, (await readFile(source, 'utf8')).replace('version: 1', 'version: 2'));
  const plan = await rig.run('plan', '--config', 'own-stage/typescript/deploy.config.ts', '--detailed-exitcode');
  expect(plan.code).toBe(10);
  expect(plan.stdout).toContain('balance');
});

test('a stage that calls a Python script runs in an environment of its own, and runs again when the script changes', async () => {
  const rig = await copied();
  const config = ['--config', 'own-stage/python/deploy.config.ts'];
  const first = await rig.run('run', ...config);
  expect(first.code, first.stderr).toBe(0);
  const made = JSON.parse((await rig.run('inspect', 'ranges', ...config, '--json')).stdout);
  expect(made.facts).toEqual({ features: 784, constant: expect.any(Number), highest: 255 });
  const script = rig.path('own-stage/python/feature_ranges.py');
  await writeFile(script, `${await readFile(script, 'utf8')}# changed\n`);
  expect((await rig.run('plan', ...config, '--detailed-exitcode')).code).toBe(10);
});

test('a target of one file is deployed to, rolled back and taken down', async () => {
  const rig = makeRig();
  await cp(`${examples}/own-target`, rig.path('own-target'), { recursive: true });
  await cp(`${examples}/digits/digits.keras`, rig.path('digits/digits.keras'));
  const modelflow = (...args: string[]) => rig.start([...args, '--config', rig.path('own-target')]).finished;
  const missing = await modelflow('run');
  expect(missing.code).toBe(8);
  expect(missing.stderr).toContain('MF5002');
  await mkdir(rig.path('models'));
  const first = await modelflow('run');
  expect(first.code, first.stderr).toBe(0);
  expect((await modelflow('plan', '--detailed-exitcode')).code).toBe(0);
  const config = rig.path('own-target/deploy.config.ts');
  await writeFile(config, (await readFile(config, 'utf8')).replace("digits.keras' })", "digits.keras' }), opset: 15"));
  expect((await modelflow('run')).code).toBe(0);
  expect((await modelflow('rollback')).code).toBe(0);
  expect(await readFile(rig.path('models/digits/3/model.onnx'))).toEqual(await readFile(rig.path('models/digits/1/model.onnx')));
  expect((await modelflow('down')).code).toBe(0);
  expect(rig.exists('models/digits')).toBe(false);
});
