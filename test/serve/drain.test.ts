import { expect, test } from 'vitest';
import { linear, slow } from './example-models.ts';
import { openConnection } from './raw-request.ts';
import { serve } from './serve-rig.ts';

const body = '{"input":[1,2,3]}';
const head = `POST /predict HTTP/1.1\r\nHost: m\r\nContent-Length: ${body.length}\r\n\r\n`;
const answer = /^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*\{"output":\[22\.5,27\.5\]\}$/;

test.each([
  ['in the middle of its head', head.slice(0, 20), head.slice(20) + body],
  ['before its body', head, body],
  ['in the middle of its body', head + body.slice(0, 5), body.slice(5)],
])('a request that a drain meets %s is answered, and its answer ends the connection', async (_, first, rest) => {
  const { server, get } = await serve(linear());
  const [{ send, whole }, idle] = [await openConnection(server.port), await openConnection(server.port)];
  send(first);
  // What was sent before is read before this is answered.
  await get('/v2/health/live');
  const drained = server.drain({ idleGraceMs: 0 });
  // Idle connections are closed by now.
  await idle.whole;
  send(rest);
  expect(await whole).toMatch(answer);
  await drained;
});

test('an inference that takes longer than the grace is still answered', async () => {
  const { server, post, get } = await serve(slow(1024, 400));
  const inference = post('/v1/models/m:predict', { instances: [new Array<number>(1024).fill(1)] });
  await get('/v2/health/live');
  const drained = server.drain({ idleGraceMs: 0 });
  expect((await inference).status).toBe(200);
  await drained;
});

test('a request that waits behind another on its connection is not taken for nothing', async () => {
  const { server } = await serve(slow(1024, 400));
  const head = (length: number): string => `POST /v1/models/m:predict HTTP/1.1\r\nHost: m\r\nContent-Length: ${length}\r\n\r\n`;
  // The second has too many rows to share the run of the first.
  const [short, long] = [1, 40].map((rows) => JSON.stringify({ instances: new Array(rows).fill(new Array(1024).fill(1)) }));
  if (short === undefined || long === undefined) throw new Error('no bodies');
  const [{ send, until, whole }, idle] = [await openConnection(server.port), await openConnection(server.port)];
  send(head(short.length) + short + head(long.length) + long);
  await until('predictions', 1);
  const drained = server.drain({ idleGraceMs: 0 });
  await idle.whole;
  await whole;
  await until('predictions', 2);
  await drained;
});

test('during a drain the server is live but not ready, and counts as not ready', async () => {
  const { server } = await serve(linear());
  // The loop accepts one connection a turn, so that most of these are still with the kernel.
  const [metrics, ...others] = await Promise.all(Array.from({ length: 40 }, () => openConnection(server.port)));
  if (metrics === undefined) throw new Error('no connection');
  const drained = server.drain({ idleGraceMs: 60_000 });
  for (const { send, whole } of others) {
    send('GET /v2/health/ready HTTP/1.1\r\nHost: m\r\n\r\n');
    expect(await whole).toMatch(/^HTTP\/1\.1 503 [\s\S]*\{"live":true,"ready":false\}$/);
  }
  metrics.send('GET /metrics HTTP/1.1\r\nHost: m\r\n\r\n');
  expect(await metrics.whole).toContain('\nmodelflow_model_ready 0\n');
  await drained;
});

test('a drain ends with the last connection, and idle ones are closed after the grace', async () => {
  const { server, get } = await serve(linear());
  const { whole } = await openConnection(server.port);
  await get('/v2/health/live');
  await server.drain({ idleGraceMs: 0 });
  expect(await whole).toBe('');
  await expect(fetch(server.url)).rejects.toThrow('fetch failed');
});
