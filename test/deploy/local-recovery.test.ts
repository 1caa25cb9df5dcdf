import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identityOf, isRunning } from '../../stages/deploy/local/identity.ts';
import { call, ServiceRig } from './service-rig.ts';

let rig: ServiceRig;
beforeEach(async () => {
  rig = await ServiceRig.open();
});
afterEach(() => rig.close());

test('a server that crashes is started again, and a connection made meanwhile waits instead of being refused', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const { pid } = await call(live.url);
  await expect(call(live.url, '/crash')).rejects.toThrow();
  await rig.logged(new RegExp(`process ${pid}, is gone: it ended with exit code 9; it is started again in \\d+ ms`));
  const after = await call(live.url);
  expect(after).toMatchObject({ status: 200, label: 'one' });
  expect(after.pid).not.toBe(pid);
  expect(await rig.read()).toEqual(live);
});

test('connections that wait to be handed to a server that hangs and then dies are handed to the next one', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const { pid } = await call(live.url);
  process.kill(pid, 'SIGSTOP');
  const calls = Array.from({ length: 6 }, () => call(live.url));
  const settled = Promise.allSettled(calls);
  // The status comes after what the supervisor had accepted.
  await rig.read();
  process.kill(pid, 'SIGKILL');
  const answered = (await settled).filter(({ status }) => status === 'fulfilled');
  // One was on its way already: it went down with the server.
  expect(answered.length).toBeGreaterThanOrEqual(5);
});

test('several processes take the connections in turn', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one', { processes: 2 });
  const answers = [await call(live.url), await call(live.url), await call(live.url), await call(live.url)];
  expect(new Set(answers.map(({ pid }) => pid)).size).toBe(2);
  expect(answers[0]?.pid).toBe(answers[2]?.pid);
});

test('when the supervisor is killed its servers end, the service reads as stopped, and the next apply brings back the same revision', async () => {
  const bundle = await rig.bundle('one');
  const live = await rig.apply(bundle, 'stamp-one');
  const server = await identityOf((await call(live.url)).pid);
  process.kill(await rig.supervisorPid(), 'SIGKILL');
  while (server !== undefined && (await isRunning(server)));
  const stopped = await rig.read();
  expect(stopped).toMatchObject({ url: undefined, revisions: [{ id: '1', stamp: 'stamp-one', health: 'stopped' }] });
  const again = await rig.apply(bundle, 'stamp-one', {}, { have: stopped });
  expect(again).toEqual(live);
  expect(await call(again.url)).toMatchObject({ label: 'one', version: '1' });
});

test('a release whose files were damaged is replaced by a fresh copy when it is applied again', async () => {
  const bundle = await rig.bundle('one');
  await rig.apply(bundle, 'stamp-one');
  process.kill(await rig.supervisorPid(), 'SIGKILL');
  await writeFile(join(rig.state, 'releases', '1-stampone', 'behaviour.json'), 'garbage');
  while ((await rig.read()).revisions[0]?.health !== 'stopped');
  const again = await rig.apply(bundle, 'stamp-one');
  expect(again.revisions).toMatchObject([{ id: '2', stamp: 'stamp-one', health: 'ready' }]);
});

test('removing stops every process and deletes the releases but keeps the log; doing it again is no failure', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const server = await identityOf((await call(live.url)).pid);
  await rig.remove();
  expect(server && (await isRunning(server))).toBe(false);
  await expect(call(live.url)).rejects.toThrow('ECONNREFUSED');
  expect((await rig.read()).revisions).toEqual([]);
  expect(await readdir(join(rig.state, 'releases'))).toEqual([]);
  expect((await rig.logs()).at(-1)?.line).toBe('revision 1 is gone');
  await rig.remove();
});

test('a request that is being answered is finished before the service goes', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const { pid } = await call(live.url);
  const slow = call(live.url, '/slow');
  await rig.logged(/holds an answer back/);
  const removed = rig.remove();
  await rig.logged(/revision 1 finishes what it has/);
  process.kill(pid, 'SIGUSR2');
  expect(await slow).toMatchObject({ status: 200, label: 'one' });
  await removed;
});

test('an apply that is stopped leaves the old release alone, and the next one works', async () => {
  const before = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const stop = new AbortController();
  const applying = rig.apply(await rig.bundle('two', 'never-ready'), 'stamp-two', {}, { signal: stop.signal });
  await rig.logged(/stand-in two starts/);
  stop.abort();
  await expect(applying).rejects.toThrow();
  await rig.logged(/did not start: the deployment was stopped/);
  expect(await rig.read()).toEqual(before);
  expect(await rig.apply(await rig.bundle('three'), 'stamp-three')).toMatchObject({ revisions: [{ stamp: 'stamp-three' }] });
});

test('a state folder with a very long path works', async () => {
  const deep = await ServiceRig.open(`${'deep/'.repeat(40)}end`);
  try {
    const live = await deep.apply(await deep.bundle('one'), 'stamp-one');
    expect(await call(live.url)).toMatchObject({ label: 'one' });
    expect(await deep.read()).toEqual(live);
  } finally {
    await deep.close();
  }
});

test('only its own user can reach the control socket and the state', async () => {
  await rig.apply(await rig.bundle('one'), 'stamp-one');
  const mode = async (name: string) => ((await stat(join(rig.state, name))).mode & 0o077).toString(8);
  for (const name of ['control.sock', 'service.json', 'supervisor.json', 'logs/current.log'])
    expect([name, await mode(name)]).toEqual([name, '0']);
});

test('a supervisor whose folder is deleted ends, and takes its servers along', async () => {
  const live = await rig.apply(await rig.bundle('one'), 'stamp-one');
  const pids = [await rig.supervisorPid(), (await call(live.url)).pid];
  const identities = (await Promise.all(pids.map(identityOf))).flatMap((each) => each ?? []);
  await rm(rig.state, { recursive: true });
  for (const identity of identities) while (await isRunning(identity));
  await expect(call(live.url)).rejects.toThrow('ECONNREFUSED');
});
