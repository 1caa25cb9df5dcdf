import { request } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identityOf, isRunning } from '../../stages/deploy/local/identity.ts';
import { identity, slow } from '../serve/example-models.ts';
import { onnxModel } from '../serve/onnx-model.ts';
import { ServiceRig } from './service-rig.ts';

let rig: ServiceRig;
beforeEach(async () => {
  rig = await ServiceRig.open();
  rig.entry = undefined;
});
afterEach(() => rig.close());

/** The answer as JSON, over a connection of its own. */
function post(
  url: string | undefined,
  path: string,
  body: unknown,
): Promise<{ readonly status: number | undefined; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    request(`${url}${path}`, { agent: false, method: 'POST' }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
    })
      .on('error', reject)
      .end(JSON.stringify(body));
  });
}

test('the real server serves a bundle under the name of the service and the number of the revision, with the declared processing', async () => {
  const live = await rig.apply(await rig.realBundle(), 'stamp-one');
  expect(await rig.probe(live)).toEqual({ ok: true });
  expect(await post(live.url, '/predict', { input: [[2, 2, 2]] })).toMatchObject({ status: 200, body: { output: [[9.5, 11.5]] } });
  const metadata = await (await fetch(`${live.url}/v2/models/digits`, { headers: { connection: 'close' } })).json();
  expect(metadata).toMatchObject({ name: 'digits', versions: ['1'] });
});

test('a model that the runtime cannot load is refused with what the runtime says, and the old release goes on', async () => {
  const before = await rig.apply(await rig.realBundle(), 'stamp-one');
  const broken = await rig.realBundle(Buffer.from('this is no model'));
  await expect(rig.apply(broken, 'stamp-two')).rejects.toMatchObject({
    diagnostics: [{ code: 'MF5004', message: expect.stringMatching(/revision 2 of `digits` did not start: .*model\.onnx is not a model/) }],
  });
  expect(await rig.read()).toEqual(before);
  expect(await post(before.url, '/predict', { input: [[2, 2, 2]] })).toMatchObject({ status: 200 });
});

test('another signature takes over the service without a restart of the supervisor', async () => {
  await rig.apply(await rig.realBundle(), 'stamp-one');
  const pid = await rig.supervisorPid();
  const live = await rig.apply(await rig.realBundle(onnxModel(identity('float32', ['N', 3]))), 'stamp-two');
  expect(await post(live.url, '/predict', { input: [[2, 4, 6]] })).toMatchObject({ body: { output: [[1, 2, 3]] } });
  expect(await rig.supervisorPid()).toBe(pid);
});

test('when the supervisor is killed a request that is under way is still answered, and then the server ends', async () => {
  const size = 768;
  const live = await rig.apply(await rig.realBundle(onnxModel(slow(size, 200))), 'stamp-one');
  const lines = await rig.logs();
  const server = await identityOf(Number(/r1\.1 is ready, process (\d+)/.exec(lines.map(({ line }) => line).join('\n'))?.[1]));
  const rows = Array.from({ length: 8 }, () => new Array<number>(size).fill(2));
  const pid = await rig.supervisorPid();
  const answer = new Promise<number | undefined>((resolve, reject) => {
    const asked = request(`${live.url}/predict`, { agent: false, method: 'POST' }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    }).on('error', reject);
    // The server has the connection once it says so: a request that asks for it is answered before its body is sent.
    asked.setHeader('expect', '100-continue');
    asked.flushHeaders();
    asked.once('continue', () => {
      process.kill(pid, 'SIGKILL');
      asked.end(JSON.stringify({ input: rows, processed: true }));
    });
  });
  expect(await answer).toBe(200);
  expect(server).toBeDefined();
  while (server && (await isRunning(server)));
  expect((await rig.read()).revisions).toMatchObject([{ health: 'stopped' }]);
});
