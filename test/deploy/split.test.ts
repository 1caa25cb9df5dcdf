import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identityOf, isRunning } from '../../stages/deploy/local/identity.ts';
import { slow } from '../serve/example-models.ts';
import { onnxModel } from '../serve/onnx-model.ts';
import { loadOn } from '../support/load.ts';
import { call, ServiceRig } from './service-rig.ts';

let rig: ServiceRig;
beforeEach(async () => {
  rig = await ServiceRig.open();
});
afterEach(() => rig.close());

/** How often each revision answered, over connections of their own. */
async function answers(url: string | undefined, count: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let at = 0; at < count; at++) {
    const { label } = await call(url);
    seen[label] = (seen[label] ?? 0) + 1;
  }
  return seen;
}

async function routerPid(): Promise<number> {
  const lines = (await rig.logs()).flatMap(({ line }) => /the router is ready, process (\d+)/.exec(line)?.[1] ?? []);
  return Number(lines.at(-1));
}

test('two releases share the requests as they are told to, each with settings of its own, and are read back so', async () => {
  const [one, two] = [await rig.bundle('one'), await rig.bundle('two')];
  const first = await rig.apply(one, 'stamp-one', { processes: 2 });
  const { pid } = await call(first.url);
  const live = await rig.split([
    { stamp: 'stamp-one', weight: 70, what: one },
    { stamp: 'stamp-two', weight: 30, what: two },
  ]);
  expect(live).toEqual(await rig.read());
  expect(live).toMatchObject({ url: first.url, settings: { processes: 2 } });
  expect(live.revisions).toEqual([
    { id: '1', stamp: 'stamp-one', weight: 70, health: 'ready' },
    { id: '2', stamp: 'stamp-two', weight: 30, health: 'ready' },
  ]);
  expect(live.token).not.toBe(first.token);
  expect(await rig.probe(live)).toEqual({ ok: true });
  const seen = await answers(live.url, 1_000);
  // Six standard deviations of a binomial share: a billion to one.
  expect(Math.abs((seen['two'] ?? 0) - 300)).toBeLessThan(6.1 * Math.sqrt(1_000 * 0.3 * 0.7));
  expect((seen['one'] ?? 0) + (seen['two'] ?? 0)).toBe(1_000);
  const [source, ...others] = (await rig.observe()).sources;
  expect(others).toEqual([]);
  expect(source?.revisions.map(({ stamp, requests, failures }) => [stamp, requests, failures])).toEqual([
    ['stamp-one', seen['one'], 0],
    ['stamp-two', seen['two'], 0],
  ]);
  const after = await rig.apply(one, 'stamp-one', { processes: 2 });
  expect(after.token).toBe(first.token);
  expect(await answers(after.url, 10)).toEqual({ one: 10 });
  expect([pid, (await call(after.url)).pid, (await call(after.url)).pid]).toContain(pid);
  expect((await rig.observe()).sources).toEqual([]);
});

test('a release of weight 0 is kept ready beside, gets nothing, and takes over without being started again', async () => {
  const [one, two] = [await rig.bundle('one'), await rig.bundle('two')];
  await rig.apply(one, 'stamp-one');
  const beside = (weight: number) =>
    rig.split([
      { stamp: 'stamp-one', weight: 100 - weight, what: one },
      { stamp: 'stamp-two', weight, what: two },
    ]);
  const live = await beside(0);
  expect(live.revisions).toMatchObject([{ weight: 100 }, { weight: 0, health: 'ready' }]);
  expect(await answers(live.url, 20)).toEqual({ one: 20 });
  const starts = async () => (await rig.logs()).filter(({ line }) => line.startsWith('stand-in two starts')).length;
  expect(await answers((await beside(100)).url, 20)).toEqual({ two: 20 });
  expect(await answers((await beside(0)).url, 20)).toEqual({ one: 20 });
  expect(await starts()).toBe(1);
  expect(await rig.apply(two, 'stamp-two')).toMatchObject({ revisions: [{ id: '2' }] });
  await rig.logged(/revision 1 is gone/);
});

test('a connection that was kept from before meets the new release, too, though the one before goes on running beside', async () => {
  rig.entry = undefined;
  const [one, two] = [await rig.realBundle(), await rig.realBundle()];
  const live = await rig.apply(one, 'stamp-one');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const version = () =>
    new Promise<string>((resolve, reject) => {
      get(`${live.url}/v2/models/digits`, { agent }, (answer) => {
        answer.on('data', (chunk) => resolve(JSON.parse(`${chunk}`).versions[0]));
      }).on('error', reject);
    });
  expect(await version()).toBe('1');
  await rig.split([
    { stamp: 'stamp-one', weight: 0, what: one },
    { stamp: 'stamp-two', weight: 100, what: two },
  ]);
  await version();
  expect([await version(), await version()]).toEqual(['2', '2']);
  agent.destroy();
});

test('a candidate that does not get ready leaves all as it was, and no router behind', async () => {
  const one = await rig.bundle('one');
  const before = await rig.apply(one, 'stamp-one');
  const wanted = rig.split([
    { stamp: 'stamp-one', weight: 95, what: one },
    { stamp: 'stamp-two', weight: 5, what: await rig.bundle('two', 'crash-at-start') },
  ]);
  await expect(wanted).rejects.toMatchObject({ diagnostics: [{ code: 'MF5004' }] });
  expect(await rig.read()).toEqual(before);
  expect(await answers(before.url, 5)).toEqual({ one: 5 });
  expect((await rig.observe()).sources).toEqual([]);
});

test('a router that is killed comes back with its table, and counts as another source', async () => {
  const [one, two] = [await rig.bundle('one'), await rig.bundle('two')];
  await rig.apply(one, 'stamp-one');
  const wanted = [
    { stamp: 'stamp-one', weight: 50, what: one },
    { stamp: 'stamp-two', weight: 50, what: two },
  ];
  const live = await rig.split(wanted);
  const [before] = (await rig.observe()).sources;
  const router = await routerPid();
  process.kill(router, 'SIGKILL');
  await rig.logged(/the router is gone: it was ended by SIGKILL/);
  const seen = await answers(live.url, 40);
  expect(Object.keys(seen).sort()).toEqual(['one', 'two']);
  expect(await rig.split(wanted)).toEqual(live);
  expect((await rig.observe()).sources[0]?.source).not.toBe(before?.source);
});

test('a supervisor that is killed while requests are split is followed by one that splits them the same way', async () => {
  const [one, two] = [await rig.bundle('one'), await rig.bundle('two')];
  await rig.apply(one, 'stamp-one');
  const wanted = [
    { stamp: 'stamp-one', weight: 50, what: one },
    { stamp: 'stamp-two', weight: 50, what: two },
  ];
  const live = await rig.split(wanted);
  const pids = [await rig.supervisorPid(), await routerPid(), (await call(live.url)).pid];
  const identities = (await Promise.all(pids.map(identityOf))).flatMap((each) => each ?? []);
  process.kill(pids[0] ?? 0, 'SIGKILL');
  for (const identity of identities) while (await isRunning(identity));
  expect((await rig.read()).revisions).toMatchObject([
    { weight: 50, health: 'stopped' },
    { weight: 50, health: 'stopped' },
  ]);
  expect(await rig.split(wanted)).toEqual(live);
  expect(Object.keys(await answers(live.url, 40)).sort()).toEqual(['one', 'two']);
});

test('a server of a candidate that dies costs no request: the others answer, and the candidate is charged with it', async () => {
  const [one, two] = [await rig.bundle('one'), await rig.bundle('two')];
  await rig.apply(one, 'stamp-one');
  const live = await rig.split([
    { stamp: 'stamp-one', weight: 50, what: one },
    { stamp: 'stamp-two', weight: 50, what: two },
  ]);
  const load = loadOn(live.url ?? '', { path: '/', requestsPerSecond: 100 });
  await load.answered(50);
  const victim = (await rig.logs()).flatMap(({ line }) => /^r2\.1 is ready, process (\d+)/.exec(line)?.[1] ?? []);
  process.kill(Number(victim[0]), 'SIGKILL');
  await rig.logged(/r2\.1, process \d+, is gone/);
  await load.answered(100);
  const { lost } = await load.stop();
  expect(lost).toEqual([]);
});

const body = JSON.stringify({ input: [[2, 2, 2]] });

test('no request is lost from one release to another in steps, back and forth, over kept connections and new ones', async () => {
  rig.entry = undefined;
  const bundles = [await rig.realBundle(), await rig.realBundle(), await rig.realBundle()];
  const [first] = bundles;
  if (first === undefined) return;
  const live = await rig.apply(first, 'stamp-0', { processes: 2 });
  const judge = (text: string) => (text.startsWith('{"output":[[9.5,11.5]]') ? undefined : text);
  const loads = [true, false].map((isKeptAlive) => loadOn(live.url ?? '', { body, isKeptAlive, requestsPerSecond: 100, judge }));
  const pause = () => Promise.all(loads.map((load) => load.answered(30)));
  for (const [at, what] of bundles.entries()) {
    const before = bundles[at - 1];
    if (before === undefined) continue;
    for (const weight of [0, 5, 50, 0, 50]) {
      await rig.split([
        { stamp: `stamp-${at - 1}`, weight: 100 - weight, what: before },
        { stamp: `stamp-${at}`, weight, ...(weight < 50 ? { mirror: 50 } : {}), what },
      ]);
      await pause();
    }
    await rig.apply(what, `stamp-${at}`, { processes: 2 });
    await pause();
  }
  const tallies = await Promise.all(loads.map((load) => load.stop()));
  expect(tallies.flatMap(({ lost }) => lost)).toEqual([]);
  expect(tallies.every(({ sent, ok }) => sent === ok && sent > 300)).toBe(true);
});

test('connections that were there before a split are split, too', async () => {
  rig.entry = undefined;
  const [one, two] = [await rig.realBundle(), await rig.realBundle()];
  const live = await rig.apply(one, 'stamp-one');
  const load = loadOn(live.url ?? '', { body, requestsPerSecond: 100 });
  await load.answered(50);
  await rig.split([
    { stamp: 'stamp-one', weight: 50, what: one },
    { stamp: 'stamp-two', weight: 50, what: two },
  ]);
  const counted = async () => {
    const [source] = (await rig.observe()).sources;
    return source?.revisions.reduce((sum, { requests }) => sum + requests, 0) ?? 0;
  };
  const before = await counted();
  await load.answered(300);
  // Each of the connections that were there has at most one more answer to come by itself.
  expect((await counted()) - before).toBeGreaterThan(200);
  expect((await load.stop()).lost).toEqual([]);
});

test('a shadow gets copies, its answers are compared, and nobody waits for it however slow it is', async () => {
  rig.entry = undefined;
  const [one, same, other] = [await rig.realBundle(), await rig.realBundle(), await rig.realBundle(onnxModel(slow(3, 400)))];
  const live = await rig.apply(one, 'stamp-one');
  const shadow = async (stamp: string, what: typeof one) => {
    await rig.split([
      { stamp: 'stamp-one', weight: 100, what: one },
      { stamp, weight: 0, mirror: 100, what },
    ]);
    const load = loadOn(live.url ?? '', { body, requestsPerSecond: 100 });
    await load.answered(100);
    return load.stop();
  };
  expect((await shadow('stamp-same', same)).lost).toEqual([]);
  const [{ comparisons } = { comparisons: [] }] = (await rig.observe()).sources;
  expect(comparisons).toMatchObject([{ stable: 'stamp-one', candidate: 'stamp-same', disagreed: 0, failed: 0, shed: 0 }]);
  expect(comparisons[0]?.compared).toBeGreaterThan(90);
  const { lost } = await shadow('stamp-other', other);
  expect(lost).toEqual([]);
});

test('the state of a version that knew one release at a time is gone on with', async () => {
  const one = await rig.bundle('one');
  const live = await rig.apply(one, 'stamp-one');
  process.kill(await rig.supervisorPid(), 'SIGKILL');
  while ((await rig.read()).revisions[0]?.health !== 'stopped');
  const path = join(rig.state, 'service.json');
  const { releases, nextRevision, service } = JSON.parse(await readFile(path, 'utf8'));
  const { weight: _, ...current } = releases[0];
  await writeFile(path, JSON.stringify({ format: 1, service, nextRevision, current }));
  expect(await rig.apply(one, 'stamp-one')).toEqual(live);
  expect(await call(live.url)).toMatchObject({ label: 'one', version: '1' });
});

test('a supervisor that knows one release at a time is asked in its own words, and for no more than it can do', async () => {
  const asked: { readonly do: string; readonly want?: object; readonly token?: string }[] = [];
  const settings = { port: 0, host: '127.0.0.1', processes: 1, readyTimeoutMs: 60_000, keep: 2 };
  const runtime = { node: process.execPath, entry: 'main.js' };
  const current = { revision: 3, stamp: 'stamp-one', folder: '3-stampone', settings, runtime, boundPort: 4711 };
  const status = { protocol: 1, service: 'digits', current, health: 'ready', serving: [1], draining: [] };
  await mkdir(rig.state, { recursive: true });
  await writeFile(join(rig.state, 'supervisor.json'), JSON.stringify({ format: 1, ...(await identityOf(process.pid)) }));
  const supervisor = createServer((socket) =>
    createInterface({ input: socket }).once('line', (line) => {
      asked.push(JSON.parse(line));
      socket.end(`${JSON.stringify({ ok: status })}\n`);
    }),
  ).listen(join(rig.state, 'control.sock'));
  await once(supervisor, 'listening');
  try {
    const live = await rig.read();
    expect(live).toMatchObject({
      url: 'http://127.0.0.1:4711',
      revisions: [{ id: '3', stamp: 'stamp-one', weight: 100, health: 'ready' }],
    });
    const [one, two] = [await rig.bundle('one'), await rig.bundle('two')];
    await rig.apply(two, 'stamp-two');
    const { want, token } = asked.findLast((each) => each.do === 'apply') ?? {};
    expect(want).toMatchObject({ stamp: 'stamp-two', bundle: two.path, settings });
    expect(token).toMatch(/^[0-9a-f]{16}$/);
    const wanted = rig.split([
      { stamp: 'stamp-one', weight: 50, what: one },
      { stamp: 'stamp-two', weight: 50, what: two },
    ]);
    await expect(wanted).rejects.toMatchObject({ diagnostics: [{ code: 'MF5341', hint: expect.stringContaining('modelflow down') }] });
    await rig.remove();
    expect(asked.at(-1)).toEqual({ do: 'stop' });
  } finally {
    supervisor.close();
    await rm(join(rig.state, 'supervisor.json'));
  }
});
