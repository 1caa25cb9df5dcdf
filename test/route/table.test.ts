import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assign, pointOf } from '../../core/route/assign.ts';
import { countLatency, latencyBoundsMs as ownBounds } from '../../core/route/counts.ts';
import { latencyBoundsMs } from '../../core/spec/traffic.ts';
import { loadOn } from '../support/load.ts';
import { call, RouteRig, says, seeded } from './route-rig.ts';

let rig: RouteRig;
beforeEach(async () => {
  rig = await RouteRig.open();
});
afterEach(() => rig.close());

test('the bounds of the latency buckets are those of the contract, and an answer is counted below the first bound that it keeps', () => {
  expect(ownBounds).toEqual(latencyBoundsMs);
  const counted = (tookMs: number): number => {
    const latencies = latencyBoundsMs.map(() => 0).concat(0);
    countLatency(latencies, tookMs);
    return latencies.indexOf(1);
  };
  latencyBoundsMs.forEach((bound, at) => {
    expect([counted(bound * 0.999), counted(bound), counted(bound * 1.001)]).toEqual([at, at, at + 1]);
  });
  expect([counted(0), counted(1e9)]).toEqual([0, latencyBoundsMs.length]);
});

test('requests are assigned by their weights, each draw for itself', () => {
  const random = seeded(1);
  const revisions = [
    { stamp: 'a', weight: 93 },
    { stamp: 'b', weight: 7 },
    { stamp: 'c', weight: 0 },
  ];
  const draws = Array.from({ length: 200_000 }, () => assign(revisions, random())?.stamp);
  const share = draws.filter((stamp) => stamp === 'b').length / draws.length;
  // Six standard deviations of a binomial share: a billion to one.
  expect(Math.abs(share - 0.07)).toBeLessThan(6.1 * Math.sqrt((0.07 * 0.93) / draws.length));
  expect(draws).not.toContain('c');
  const pairs = draws.filter((stamp, at) => stamp === 'b' && draws[at + 1] === 'b').length / draws.length;
  expect(Math.abs(pairs - 0.07 ** 2)).toBeLessThan(6.1 * Math.sqrt(0.07 ** 2 / draws.length));
});

test('with a sticky header nobody changes sides but those whom a larger share takes over', () => {
  const at = (share: number) =>
    Array.from(
      { length: 5_000 },
      (_, user) =>
        assign(
          [
            { stamp: 'old', weight: 100 - share },
            { stamp: 'new', weight: share },
          ],
          pointOf(`user-${user}`),
        )?.stamp,
    );
  const [few, many] = [at(5), at(50)];
  expect(few.every((stamp, user) => stamp === 'old' || many[user] === 'new')).toBe(true);
  const share = few.filter((stamp) => stamp === 'new').length / few.length;
  expect(Math.abs(share - 0.05)).toBeLessThan(6.1 * Math.sqrt((0.05 * 0.95) / few.length));
});

test('a router without a table is live and not ready; with one it answers, and says who did', async () => {
  await rig.start();
  expect((await rig.admin('GET', '/live')).status).toBe(200);
  expect((await rig.admin('GET', '/ready')).status).toBe(503);
  expect(await call(`${rig.url}/predict`)).toMatchObject({ status: 503, text: '{"error":"no server of the service could be reached"}' });
  const one = await rig.behind(says('{"a":1}'));
  expect((await rig.put(1, [{ stamp: 'a'.repeat(64), weight: 100, backends: [one.url] }])).status).toBe(200);
  expect((await rig.admin('GET', '/ready')).status).toBe(200);
  expect(await call(`${rig.url}/predict`)).toMatchObject({
    status: 200,
    text: '{"a":1}',
    headers: { 'x-modelflow-release': 'a'.repeat(12) },
  });
});

test('an older table is refused, the same one again is fine, and one that makes no sense is named by its fault', async () => {
  await rig.start();
  const revisions = [{ stamp: 'a', weight: 100, backends: ['http://127.0.0.1:1'] }];
  expect((await rig.put(2, revisions)).status).toBe(200);
  expect((await rig.put(2, revisions)).status).toBe(200);
  expect(await rig.put(2, [])).toMatchObject({ status: 409, text: expect.stringContaining('generation 2 is not newer than 2') });
  expect((await rig.put(1, revisions)).status).toBe(409);
  const faulty = await rig.put(3, [{ stamp: 'a', weight: 101, backends: [] }]);
  expect(faulty).toMatchObject({ status: 400, text: '{"error":"revisions[0].weight must be a number from 0 to 100, not 101"}' });
  expect(await rig.put(3, [{ stamp: 'a', weight: 1, backends: ['https://x'] }])).toMatchObject({ status: 400 });
  expect((await rig.admin('PUT', '/table', 'nonsense')).text).toContain('the table is not JSON');
});

test('a table outlives the router, a newer seed wins over it, and the seed is not written', async () => {
  const one = await rig.behind(says('{"a":1}'));
  const [seed, table] = [
    `${rig.folder}/seed.json`,
    (generation: number) => ({ generation, revisions: [{ stamp: 'a', weight: 100, backends: [one.url] }] }),
  ];
  await rig.start();
  await rig.put(5, table(5).revisions);
  await rig.end('SIGKILL');
  await writeFile(seed, JSON.stringify(table(4)));
  await rig.start({ args: ['--seed', seed] });
  expect(JSON.parse((await rig.admin('GET', '/table')).text).table.generation).toBe(5);
  expect(await call(rig.url)).toMatchObject({ status: 200 });
  await rig.end('SIGKILL');
  await writeFile(seed, JSON.stringify(table(9)));
  await rig.start({ args: ['--seed', seed] });
  expect(JSON.parse((await rig.admin('GET', '/table')).text).table.generation).toBe(9);
  await rig.put(10, table(10).revisions);
  expect(JSON.parse(await readFile(seed, 'utf8')).generation).toBe(9);
  expect(JSON.parse(await readFile(rig.tablePath, 'utf8')).generation).toBe(10);
});

test('with a token the table and the counts are for those who show it; health and metrics are for all', async () => {
  await rig.start({ token: 'open sesame' });
  for (const path of ['/table', '/traffic']) expect((await rig.admin('GET', path)).status).toBe(401);
  expect((await rig.put(1, [])).status).toBe(401);
  expect((await rig.admin('GET', '/table', undefined, { authorization: 'Bearer open sesame' })).status).toBe(200);
  expect((await rig.admin('GET', '/table', undefined, { 'x-modelflow-token': 'open sesame' })).status).toBe(200);
  expect((await rig.admin('GET', '/table', undefined, { 'x-modelflow-token': 'wrong' })).status).toBe(401);
  expect((await rig.admin('GET', '/metrics')).status).toBe(200);
  const program = fileURLToPath(new URL('../../core/route/main.ts', import.meta.url));
  const ask = (token: string) =>
    promisify(execFile)(process.execPath, [program, 'ask', 'GET', '/table', '--admin-port', String(rig.adminPort)], {
      env: { ...process.env, MODELFLOW_ROUTER_TOKEN: token },
    });
  expect(JSON.parse((await ask('open sesame')).stdout)).toMatchObject({ inFlight: {} });
  await expect(ask('wrong')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('the router answered 401') });
});

test('no request is lost while the table changes a hundred times, and the counts tell who answered how many', async () => {
  await rig.start();
  const behind = await Promise.all(['a', 'b', 'c'].map((label) => rig.behind(says(JSON.stringify({ label })))));
  const revisions = (share: number) =>
    behind.map(({ url }, at) => ({ stamp: 'abc'[at] ?? '', weight: at === 0 ? 100 - share : share / 2, backends: [url] }));
  await rig.put(1, revisions(0));
  const loads = [true, false].map((isKeptAlive) => loadOn(rig.url, { body: '{}', requestsPerSecond: 300, isKeptAlive }));
  for (let generation = 2; generation <= 100; generation++) {
    await rig.put(generation, generation % 10 === 0 ? revisions(0).slice(0, 1) : revisions(generation % 100));
    await Promise.all(loads.map((load) => load.answered(10)));
  }
  const tallies = await Promise.all(loads.map((load) => load.stop()));
  expect(tallies.flatMap(({ lost }) => lost)).toEqual([]);
  const sent = tallies.reduce((sum, tally) => sum + tally.sent, 0);
  const { revisions: counted } = await rig.traffic();
  expect(counted.reduce((sum, { requests }) => sum + requests, 0)).toBe(sent);
  expect(counted.map(({ requests }) => requests)).toEqual(behind.map(({ asked }) => asked));
  expect(counted.map(({ failures }) => failures)).toEqual([0, 0, 0]);
  const { inFlight } = JSON.parse((await rig.admin('GET', '/table')).text);
  expect(inFlight).toEqual({ a: 0 });
});
