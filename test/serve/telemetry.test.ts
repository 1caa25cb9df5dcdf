import { execFile } from 'node:child_process';
import { mkdtemp, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { linear } from './example-models.ts';
import { writeModel } from './onnx-model.ts';

/** Runs a module in a process whose home is an empty folder, as a user's and not as a build's, and gives the files it left there. */
async function filesLeftBy(code: string, ...args: readonly string[]): Promise<readonly string[]> {
  const home = await mkdtemp(join(tmpdir(), 'modelflow-home-'));
  const env: Record<string, string | undefined> = { ...process.env, HOME: home };
  for (const name of ['CI', 'GITHUB_ACTIONS', 'TF_BUILD', 'ORT_DISABLE_TELEMETRY', 'XDG_CACHE_HOME', 'NODE_OPTIONS']) delete env[name];
  // What is written is enough to see; nothing need be sent from the control.
  for (const name of ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']) env[name] = 'http://127.0.0.1:9';
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code, '--', ...args], { env });
  const found = await readdir(home, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map(({ name }) => name);
}

const door = JSON.stringify(new URL('../../core/serve/index.ts', import.meta.url).href);
const runtime = JSON.stringify(pathToFileURL(createRequire(import.meta.url).resolve('onnxruntime-node')).href);

const bare = `
  const { default: runtime } = await import(${runtime});
  const session = await runtime.InferenceSession.create(process.argv[1]);
  await session.run({ x: new runtime.Tensor('float32', new Float32Array(3), [1, 3]) });
`;

const ours = (where: string) => `
  const { openModel } = await import(${door});
  const model = await openModel(process.argv[1], { where: '${where}' });
  await model.run({ x: { dtype: 'float32', shape: [1, 3], data: new Float32Array(3) } });
  await model.close();
`;

test('the runtime writes its device id where it is used bare, and nothing where modelflow opens the model', async () => {
  const path = await writeModel(linear());
  expect(await filesLeftBy(bare, path)).toContain('deviceid');
  expect(await filesLeftBy(ours('main'), path)).toEqual([]);
  expect(await filesLeftBy(ours('worker'), path)).toEqual([]);
});

test('nothing is written where modelflow serves', async () => {
  const serving = `
    const { startServer } = await import(${door});
    const server = await startServer({ path: process.argv[1], port: 0 });
    await fetch(server.url + '/predict', { method: 'POST', body: '{"input": [1, 2, 3]}' });
    await server.close();
  `;
  expect(await filesLeftBy(serving, await writeModel(linear()))).toEqual([]);
});
