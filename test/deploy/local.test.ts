import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ModelflowError } from 'modelflow';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { call, ServiceRig } from './service-rig.ts';

let rig: ServiceRig;
beforeEach(async () => {
  rig = await ServiceRig.open();
});
afterEach(() => rig.close());

async function problemOf(doing: Promise<unknown>) {
  const error = await doing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelflowError);
  return (error as ModelflowError).diagnostics[0];
}

test('nothing deployed reads as no revisions, and reading leaves nothing on disk', async () => {
  const live = await rig.read();
  expect(live).toMatchObject({ service: 'digits', url: undefined, revisions: [], settings: {} });
  expect(existsSync(join(rig.folder, 'targets'))).toBe(false);
});

test('a deployed bundle answers at its url, is read back as it was deployed, and probes well', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one');
  expect(live.revisions).toEqual([{ id: '1', stamp: 'stamp-one', weight: 100, health: 'ready' }]);
  expect(await rig.read()).toEqual(live);
  expect(await call(live.url)).toMatchObject({ status: 200, label: 'one', version: '1' });
  expect(await rig.probe(live)).toEqual({ ok: true });
});

test('a probe fails when the service answers wrongly, and when it is not the revision that should be live', async () => {
  const live = await rig.apply(await rig.bundle('one', 'unhealthy'), 'stamp-one');
  expect(await rig.probe(live)).toEqual({ ok: false, why: `${live.url}/v2/health/ready: answered 404` });
  const well = await rig.apply(await rig.bundle('two'), 'stamp-two');
  const other = { ...well, revisions: [{ id: '7', stamp: 'x', weight: 100, health: 'ready' as const }] };
  expect(await rig.probe(other)).toMatchObject({ ok: false, why: expect.stringContaining('versions/7/ready: answered 404') });
});

test('the second of two equal applies changes nothing: same process, same revision, same token', async () => {
  const bundle = await rig.bundle('one');
  const first = await rig.apply(bundle, 'stamp-one');
  const { pid } = await call(first.url);
  expect(await rig.apply(bundle, 'stamp-one')).toEqual(first);
  expect((await call(first.url)).pid).toBe(pid);
});

test('another stamp is another revision, on the same port, and the copy leaves the oci layout behind', async () => {
  const first = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const second = await rig.apply(await rig.bundle('two'), 'stamp-two');
  expect(second.url).toBe(first.url);
  expect(second.token).not.toBe(first.token);
  expect(second.revisions.map(({ id }) => id)).toEqual(['2']);
  expect(await call(second.url)).toMatchObject({ label: 'two', version: '2' });
  expect((await readdir(join(rig.state, 'releases'))).sort()).toEqual(['1-stampone', '2-stamptwo']);
  expect(await readdir(join(rig.state, 'releases', '2-stamptwo'))).toEqual(['behaviour.json']);
});

test('the service no longer needs the artifact it was deployed from', async () => {
  const bundle = await rig.bundle('one');
  const live = await rig.apply(bundle, 'stamp-one');
  await rm(bundle.path, { recursive: true });
  await call(live.url, '/crash').catch(() => {});
  await rig.logged(/r1\.1, process \d+, is gone/);
  expect(await call(live.url)).toMatchObject({ label: 'one' });
});

test('only as many releases are kept as asked for', async () => {
  for (const label of ['one', 'two', 'three']) await rig.apply(await rig.bundle(label), `stamp-${label}`, { keep: 1 });
  await rig.logged(/revision 2 is gone/);
  await rig.apply(await rig.bundle('four'), 'stamp-four', { keep: 1 });
  await rig.logged(/revision 3 is gone/);
  expect(await readdir(join(rig.state, 'releases'))).toContain('4-stampfour');
  expect(await readdir(join(rig.state, 'releases'))).not.toContain('1-stampone');
});

test.each([
  ['crash-at-start', 'before it was ready, it ended with exit code 3', 'the model is broken'],
  ['fails', 'before it was ready, Load model failed: bad opset', 'stand-in two starts'],
  ['never-ready', 'it was not ready after 700 ms', 'stand-in two starts'],
])(
  'a release that does not get ready (%s) is refused with what it said, and the old one goes on in the same process',
  async (mode, why, last) => {
    const before = await rig.apply(await rig.bundle('one'), 'stamp-one');
    const { pid } = await call(before.url);
    const problem = await problemOf(rig.apply(await rig.bundle('two', mode), 'stamp-two', { readyTimeoutMs: 700 }));
    expect(problem).toMatchObject({ code: 'MF5004', message: `revision 2 of \`digits\` did not start: ${why}` });
    expect(problem?.detail).toContain(last);
    expect(await call(before.url)).toMatchObject({ label: 'one', pid });
    expect(await rig.read()).toEqual(before);
    expect(await readdir(join(rig.state, 'releases'))).toEqual(['1-stampone']);
  },
);

test('a first release that does not get ready leaves no process behind', async () => {
  const problem = await problemOf(rig.apply(await rig.bundle('one', 'crash-at-start'), 'stamp-one'));
  expect(problem?.code).toBe('MF5004');
  expect((await rig.read()).revisions).toEqual([]);
  const live = await rig.apply(await rig.bundle('two'), 'stamp-two');
  expect(live.revisions).toMatchObject([{ id: '2', health: 'ready' }]);
});

test('a port that another process holds is named with that process, by check and by apply, and is no conflict when it is our own', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const expected = {
    code: 'MF5003',
    message: expect.stringMatching(new RegExp(`^port ${port} on 127.0.0.1 is in use by process ${process.pid}: `)),
  };
  expect(await rig.check({ port })).toMatchObject([expected]);
  expect(await problemOf(rig.apply(await rig.bundle('one'), 'stamp-one', { port }))).toMatchObject(expected);
  await new Promise((resolve) => holder.close(resolve));
  expect(await rig.check({ port })).toEqual([]);
  await rig.apply(await rig.bundle('one'), 'stamp-one', { port });
  expect(await rig.check({ port })).toEqual([]);
});

test('the same port at another address is in the way of itself, and it is said how to go on', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const port = Number(new URL(live.url ?? '').port);
  const [problem] = await rig.check({ port, host: '0.0.0.0' });
  expect(problem).toMatchObject({ code: 'MF5003', hint: expect.stringContaining('It is `digits` itself, at 127.0.0.1') });
  expect(await problemOf(rig.apply(await rig.bundle('two'), 'stamp-two', { port, host: '0.0.0.0' }))).toMatchObject({ code: 'MF5003' });
  expect(await rig.read()).toEqual(live);
});

test('a service that listens everywhere is called over the loopback', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one', { host: '0.0.0.0' });
  expect(live.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await call(live.url)).toMatchObject({ label: 'one' });
});

test('a new port answers before the old one is let go, and a port that is taken leaves the service where it was', async () => {
  const first = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  expect(await problemOf(rig.apply(await rig.bundle('two'), 'stamp-two', { port }))).toMatchObject({ code: 'MF5003' });
  expect(await rig.read()).toEqual(first);
  await new Promise((resolve) => taken.close(resolve));
  const moved = await rig.apply(await rig.bundle('two'), 'stamp-two', { port });
  expect(moved.url).toBe(`http://127.0.0.1:${port}`);
  expect(await call(moved.url)).toMatchObject({ label: 'two' });
  await expect(call(first.url)).rejects.toThrow('ECONNREFUSED');
});

test('what was changed since it was looked at is not applied', async () => {
  const old = await rig.apply(await rig.bundle('one'), 'stamp-one');
  await rig.apply(await rig.bundle('two'), 'stamp-two');
  const problem = await problemOf(rig.apply(await rig.bundle('three'), 'stamp-three', {}, { have: old }));
  expect(problem).toMatchObject({ code: 'MF5001', message: expect.stringContaining('was changed since it was looked at') });
  expect(await call((await rig.read()).url)).toMatchObject({ label: 'two' });
});
