import { Agent, request } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { linear } from './example-models.ts';
import { writeModel } from './onnx-model.ts';
import { forkServer, type SupervisedChild, spawnServer } from './server-child.ts';

const body = JSON.stringify({ input: [1, 2, 3] });

/** One POST /predict; resolves with the status and whether the connection may be used again. */
function ask(port: number, agent: Agent): Promise<{ readonly status: number | undefined; readonly keepsAlive: boolean }> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, agent, method: 'POST', path: '/predict', headers: { 'content-type': 'application/json' } }, (response) => {
      response.resume();
      response.once('end', () => resolve({ status: response.statusCode, keepsAlive: response.headers.connection === 'keep-alive' }));
      response.once('error', reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

function agentFor(keepAlive: boolean): Agent {
  const agent = new Agent({ keepAlive, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** Accepts connections and hands each to the server that is current. */
async function listenFor(current: () => SupervisedChild): Promise<number> {
  const listener: Server = createServer({ pauseOnConnect: true }, (socket: Socket) => current().give(socket));
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void listener.close());
  return (listener.address() as AddressInfo).port;
}

test('alone it listens, says where, and ends with 0 on SIGTERM', async () => {
  const server = spawnServer(['--bundle', await writeModel(linear(), 'digits.onnx'), '--port', '0', '--version', '4']);
  const line = await server.nextLine();
  expect(line).toMatch(/^serving digits version 4 at http:\/\/127\.0\.0\.1:\d+, inference on the main thread$/);
  const port = Number(/:(\d+),/.exec(line)?.[1]);
  expect((await ask(port, agentFor(false))).status).toBe(200);
  server.child.kill('SIGTERM');
  expect(await server.exitCode).toBe(0);
});

test.each([
  ['no model', ['--bundle', '/nowhere/m.onnx'], /^\/nowhere\/m\.onnx cannot be read: ENOENT/],
  ['no bundle', [], /^--bundle DIR is missing/],
  ['a port that is none', ['--bundle', 'x', '--port', 'http'], /^--port must be a whole number from 0, not http/],
  ['an unknown option', ['--bundel', 'x'], /--bundel/],
])('%s is one line and exit code 1', async (_, args, message) => {
  const server = spawnServer(args);
  expect(await server.nextLine()).toMatch(message);
  expect(await server.exitCode).toBe(1);
});

test('supervised it says why it cannot serve', async () => {
  const server = forkServer(['--bundle', '/nowhere']);
  expect(await server.first).toEqual({ type: 'failed', message: expect.stringContaining('/nowhere cannot be read') });
  expect(await server.exitCode).toBe(1);
});

test('a supervisor that dies leaves no server behind', async () => {
  const server = forkServer(['--bundle', await writeModel(linear())]);
  expect(await server.first).toEqual({ type: 'ready' });
  server.disconnect();
  expect(await server.exitCode).toBe(0);
});

test('told to drain before it is ready, it becomes ready and ends', async () => {
  const server = forkServer(['--bundle', await writeModel(linear())]);
  server.drain();
  expect(await server.exitCode).toBe(0);
  expect(server.messages.map(({ type }) => type)).toEqual(['ready', 'drained']);
});

test('a connection that was handed over keeps alive, and the first answer after the drain ends it', async () => {
  const server = forkServer(['--bundle', await writeModel(linear())]);
  await server.first;
  const port = await listenFor(() => server);
  const agent = agentFor(true);
  expect(await ask(port, agent)).toEqual({ status: 200, keepsAlive: true });
  expect(await ask(port, agent)).toEqual({ status: 200, keepsAlive: true });
  server.drain();
  // The drain may or may not be there before the next request: in the end one answer ends the connection, and every one is an answer.
  let answer = await ask(port, agent);
  while (answer.keepsAlive) answer = await ask(port, agent);
  expect(answer.status).toBe(200);
  expect(await server.exitCode).toBe(0);
  expect(server.messages.map(({ type }) => type)).toEqual(['ready', 'drained']);
});

test('a connection that comes before the model is loaded is answered when it is', async () => {
  const server = forkServer(['--bundle', await writeModel(linear())]);
  const port = await listenFor(() => server);
  expect((await ask(port, agentFor(false))).status).toBe(200);
});

test('ten replacements under load lose no request, on connections that stay and on new ones', async () => {
  const bundle = await writeModel(linear());
  const started: SupervisedChild[] = [];
  const start = async (): Promise<SupervisedChild> => {
    const child = forkServer(['--bundle', bundle, '--version', String(started.length + 1)]);
    await child.first;
    started.push(child);
    return child;
  };
  let current = await start();
  const port = await listenFor(() => current);
  let isOver = false;
  const outcomes: (number | undefined | string)[] = [];
  const load = async (keepAlive: boolean): Promise<void> => {
    const agent = agentFor(keepAlive);
    while (!isOver)
      outcomes.push(
        await ask(port, agent).then(
          ({ status }) => status,
          (error: Error) => error.message,
        ),
      );
  };
  const clients = [true, true, true, true, false, false].map(load);
  for (let count = 0; count < 10; count += 1) {
    const answered = outcomes.length;
    const old = current;
    current = await start();
    old.drain();
    while (outcomes.length < answered + 100) await new Promise(setImmediate);
  }
  isOver = true;
  await Promise.all(clients);
  current.drain();
  expect(await Promise.all(started.map(({ exitCode }) => exitCode))).toEqual(started.map(() => 0));
  expect(new Set(outcomes)).toEqual(new Set([200]));
  expect(outcomes.length).toBeGreaterThan(1000);
});
