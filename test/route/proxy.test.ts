import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadOn } from '../support/load.ts';
import { type Behind, call, RouteRig, says } from './route-rig.ts';

let rig: RouteRig;
beforeEach(async () => {
  rig = await RouteRig.open();
  await rig.start();
});
afterEach(() => rig.close());

const all = (behind: Behind, stamp = 'a') => [{ stamp, weight: 100, backends: [behind.url] }];

/** What comes back to bytes that are written as they are. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(rig.url).port), '127.0.0.1');
  socket.write(text);
  let got = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    got += chunk;
  });
  await once(socket, 'close');
  return got;
}

test('what belongs to one connection stays there, what belongs to the request goes on, and the way that it came is added', async () => {
  const behind = await rig.behind((asked, response) => {
    response.writeHead(200, [
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'Connection',
      'x-private',
      'X-Private',
      'secret',
      'X-Modelflow-Release',
      'forged',
    ]);
    response.end(JSON.stringify({ headers: asked.rawHeaders, method: asked.method, url: asked.url }));
  });
  await rig.put(1, all(behind, 'stamp-of-the-one'));
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const headers = {
    traceparent,
    connection: 'x-mine',
    'x-mine': 'secret',
    te: 'trailers',
    'x-forwarded-for': '10.0.0.1',
    'X-Case': 'Kept',
  };
  const { status, text, headers: got } = await call(`${rig.url}/v2/models?a=%20b`, { headers });
  expect([status, got['set-cookie'], got['x-private'], got['x-modelflow-release']]).toEqual([
    200,
    ['a=1', 'b=2'],
    undefined,
    'stamp-of-the',
  ]);
  const seen = JSON.parse(text);
  expect([seen.method, seen.url]).toEqual(['GET', '/v2/models?a=%20b']);
  const pairs = (seen.headers as string[]).flatMap((name, at, list) => (at % 2 === 0 ? [`${name}: ${list[at + 1]}`] : []));
  expect(pairs).toEqual(
    expect.arrayContaining([
      `traceparent: ${traceparent}`,
      'X-Case: Kept',
      'x-forwarded-for: 10.0.0.1, 127.0.0.1',
      'x-forwarded-proto: http',
      `x-forwarded-host: ${new URL(rig.url).host}`,
      `Host: ${new URL(rig.url).host}`,
    ]),
  );
  expect(text).not.toContain('x-mine');
  expect(text.toLowerCase()).not.toContain('"te"');
});

test('answers without a body, with chunks and until the end of a connection arrive as what they are', async () => {
  const behind = await rig.behind((asked, response) => {
    if (asked.url === '/empty') response.writeHead(204).end();
    else if (asked.url === '/same') response.writeHead(304, { etag: '"1"' }).end();
    else if (asked.url === '/open') {
      response.socket?.end('HTTP/1.0 200 OK\r\n\r\nuntil the end');
    } else response.writeHead(200, { 'content-type': 'text/plain' }).end(asked.method === 'HEAD' ? undefined : 'whole');
  });
  await rig.put(1, all(behind));
  expect(await call(`${rig.url}/empty`)).toMatchObject({ status: 204, text: '' });
  expect(await call(`${rig.url}/same`)).toMatchObject({ status: 304, headers: { etag: '"1"' } });
  expect(await call(`${rig.url}/open`)).toMatchObject({ status: 200, text: 'until the end' });
  expect(await call(`${rig.url}/`, { method: 'HEAD' })).toMatchObject({ status: 200, text: '', headers: { 'content-type': 'text/plain' } });
  expect(await call(`${rig.url}/`, { method: 'DELETE' })).toMatchObject({ status: 200, text: 'whole' });
});

test('a body that is larger than what is kept goes through whole, both ways, with and without a length', async () => {
  const bytes = randomBytes(24 * 1024 * 1024);
  const behind = await rig.behind(() => {});
  behind.server.removeAllListeners('request');
  behind.server.on('request', (asked, response) => asked.pipe(response));
  await rig.put(1, all(behind));
  for (const length of [{ 'content-length': bytes.length }, {}]) {
    const digest = await new Promise((resolve, reject) => {
      const asked = request(rig.url, { method: 'POST', agent: false, headers: length }, (answer) => {
        const hash = createHash('sha256');
        answer.on('data', (chunk) => hash.update(chunk)).on('end', () => resolve(hash.digest('hex')));
      });
      asked.on('error', reject);
      asked.end(bytes);
    });
    expect(digest).toBe(createHash('sha256').update(bytes).digest('hex'));
  }
});

test('who asks before sending a body is told to go on, and what is no HTTP is answered as such', async () => {
  const behind = await rig.behind((_, response, body) => response.end(`got ${body}`));
  await rig.put(1, all(behind));
  const got = await raw('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhi');
  expect(got).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  expect(got).toContain('got hi');
  expect(await raw('nonsense\r\n\r\n')).toContain('400 Bad Request');
  // Two lengths are how requests are smuggled past a proxy.
  expect(await raw('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')).toContain(
    '400 Bad Request',
  );
  expect(behind.asked).toBe(1);
});

test('a client that goes away takes its request along', async () => {
  const behind = await rig.behind(() => {});
  await rig.put(1, all(behind));
  const asked = request(rig.url, { method: 'POST', agent: false }).on('error', () => {});
  asked.end('{}');
  const [theirs] = await once(behind.server, 'request');
  const gone = once(theirs.socket, 'close');
  asked.destroy();
  await gone;
  await expect.poll(async () => (await rig.traffic()).revisions).toMatchObject([{ requests: 1, failures: 1 }]);
  expect(JSON.parse((await rig.admin('GET', '/table')).text).inFlight).toEqual({ a: 0 });
});

test('a client that goes away before all of its request has come says nothing of the release', async () => {
  const behind = await rig.behind(() => {});
  await rig.put(1, all(behind));
  const asked = request(rig.url, { method: 'POST', agent: false, headers: { 'content-length': 1_000 } }).on('error', () => {});
  asked.write('half');
  const [theirs] = await once(behind.server, 'request');
  const gone = new Promise((resolve) => theirs.socket.once('close', resolve));
  asked.destroy();
  await gone;
  await expect.poll(async () => JSON.parse((await rig.admin('GET', '/table')).text).inFlight).toEqual({ a: 0 });
  await call(rig.url, { headers: { 'x-modelflow-to': 'nobody-of-this-name' } });
  expect((await rig.traffic()).revisions).toMatchObject([{ requests: 0, failures: 0 }]);
});

test('an answer that breaks off looks broken to the client, and counts as a failure', async () => {
  const behind = await rig.behind((_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('half');
    setImmediate(() => response.destroy());
  });
  await rig.put(1, all(behind));
  await expect(call(rig.url)).rejects.toThrow();
  expect((await rig.traffic()).revisions).toMatchObject([{ requests: 1, failures: 1 }]);
});

test('replicas that are killed one after the other, and come back, cost no request', async () => {
  const ports = [];
  let behind = await Promise.all([1, 2, 3].map(() => rig.behind((_, response) => setTimeout(() => response.end('{}'), 5))));
  for (const { url } of behind) ports.push(Number(new URL(url).port));
  await rig.put(1, [{ stamp: 'a', weight: 100, backends: behind.map(({ url }) => url) }]);
  const load = loadOn(rig.url, { body: '{"a":1}', requestsPerSecond: 200 });
  for (let round = 0; round < 6; round++) {
    await load.answered(40);
    const victim = behind[round % 3];
    await victim?.kill();
    await load.answered(20);
    const again = await rig.behind((_, response) => setTimeout(() => response.end('{}'), 5), ports[round % 3]);
    behind = behind.with(round % 3, again);
  }
  const { lost } = await load.stop();
  expect(lost).toEqual([]);
});

test('a revision that cannot be reached is stood in for by another, and charged with it; when nobody is there, requests wait', async () => {
  const [good, bad] = [await rig.behind(says('{"good":1}')), await rig.behind(says('{}'))];
  await bad.kill();
  await rig.put(1, [
    { stamp: 'good', weight: 50, backends: [good.url] },
    { stamp: 'bad', weight: 50, backends: [bad.url] },
  ]);
  for (let count = 0; count < 50; count++) expect((await call(rig.url)).text).toBe('{"good":1}');
  const { revisions } = await rig.traffic();
  expect(revisions.map(({ requests }) => requests).reduce((sum, each) => sum + each)).toBe(50);
  expect(revisions.map(({ requests, failures }) => (failures === 0 ? 'well' : failures === requests))).toEqual(['well', true]);
  const retries = async () => Number(/retries_total (\d+)/.exec((await rig.admin('GET', '/metrics')).text)?.[1]);
  await good.kill();
  const before = await retries();
  const waiting = call(rig.url);
  await expect.poll(retries).toBeGreaterThan(before + 5);
  await rig.behind(says('{"back":1}'), Number(new URL(good.url).port));
  expect((await waiting).text).toBe('{"back":1}');
});

test('a request that kills every server it is shown to is not shown to all of them', async () => {
  const behind = await Promise.all(Array.from({ length: 8 }, () => rig.behind((asked) => void asked.socket.destroy())));
  await rig.put(1, [{ stamp: 'a', weight: 100, backends: behind.map(({ url }) => url) }]);
  expect(await call(rig.url, { body: '{}' })).toMatchObject({ status: 502, text: '{"error":"the server ended before it had answered"}' });
  expect(behind.reduce((sum, { asked }) => sum + asked, 0)).toBe(3);
});

test('a connection that is closed as a request leaves on it says nothing: the same server answers over another one', async () => {
  const served = new WeakSet();
  const once = await rig.behind((asked, response) => {
    if (served.has(asked.socket)) return void asked.socket.destroy();
    served.add(asked.socket);
    response.end('"once"');
  });
  const other = await rig.behind(says('"other"'));
  await rig.put(1, [
    { stamp: 'once', weight: 100, backends: [once.url] },
    { stamp: 'other', weight: 1e-9, backends: [other.url] },
  ]);
  for (let count = 0; count < 20; count++) expect((await call(rig.url, { body: '{}' })).text).toBe('"once"');
  expect((await rig.traffic()).revisions).toMatchObject([{ requests: 20, failures: 0 }, { requests: 0 }]);
});

test('a request that names a release gets it, whatever the weights, and is not counted', async () => {
  const [a, b] = [await rig.behind(says('"a"')), await rig.behind(says('"b"'))];
  const [stampA, stampB] = ['a'.repeat(64), 'b'.repeat(64)];
  await rig.put(1, [...all(a, stampA), { stamp: stampB, weight: 0, backends: [b.url] }]);
  for (const to of [stampB, stampB.slice(0, 12)]) expect((await call(rig.url, { headers: { 'x-modelflow-to': to } })).text).toBe('"b"');
  expect(await call(rig.url, { headers: { 'x-modelflow-to': 'cccccccc' } })).toMatchObject({ status: 404 });
  expect((await rig.traffic()).revisions.map(({ requests }) => requests)).toEqual([0, 0]);
});

test('the same user goes to the same release while the weights stay', async () => {
  const [a, b] = [await rig.behind(says('"a"')), await rig.behind(says('"b"'))];
  await rig.put(
    1,
    [
      { stamp: 'a', weight: 50, backends: [a.url] },
      { stamp: 'b', weight: 50, backends: [b.url] },
    ],
    { sticky: { header: 'X-User' } },
  );
  const ask = async (user: number) => (await call(rig.url, { headers: { 'x-user': `user-${user}` } })).text;
  const users = Array.from({ length: 30 }, (_, user) => user);
  const first = await Promise.all(users.map(ask));
  expect(await Promise.all(users.map(ask))).toEqual(first);
  expect(new Set(first)).toEqual(new Set(['"a"', '"b"']));
});

test('health and metrics are not counted; metrics name each release', async () => {
  const behind = await rig.behind(says('{}'));
  await rig.put(1, all(behind, 'the-stamp'));
  for (const path of ['/v2/health/ready', '/metrics', '/v2/models/m/versions/1/ready']) await call(rig.url + path);
  await call(`${rig.url}/predict`, { body: '{}' });
  expect((await rig.traffic()).revisions).toMatchObject([{ requests: 1 }]);
  const { text } = await rig.admin('GET', '/metrics');
  expect(text).toContain('modelflow_router_requests_total{release="the-stamp"} 1\n');
  expect(text).toContain('modelflow_router_weight{release="the-stamp"} 100\n');
});

test('the latencies of the first answers of a backend are left out, the answers are not', async () => {
  const behind = await rig.behind(says('{}'));
  await rig.put(1, [{ stamp: 'a', weight: 100, backends: [behind.url], warmUpAnswers: 5 }]);
  for (let count = 0; count < 12; count++) await call(rig.url);
  const [counted] = (await rig.traffic()).revisions;
  expect([counted?.requests, counted?.latencies.reduce((sum, each) => sum + each)]).toEqual([12, 7]);
});

test('a router that is asked to end answers what it has, and a kept connection gets its last answer with the word to close', async () => {
  let finish = (): void => {};
  const behind = await rig.behind((_, response) => {
    finish = () => void response.end('slow');
  });
  await rig.put(1, all(behind));
  const slow = call(rig.url);
  await once(behind.server, 'request');
  const ended = rig.end('SIGTERM');
  await expect.poll(async () => (await rig.admin('GET', '/ready')).status).toBe(503);
  finish();
  expect(await slow).toMatchObject({ status: 200, text: 'slow', headers: { connection: 'close' } });
  expect(await ended).toBe(0);
});
