import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identityOf, isRunning, signal } from '../../stages/deploy/local/identity.ts';
import { restartPauseMs } from '../../stages/deploy/local/restart-pause.ts';
import { claimSupervision, pathsOf, readSupervisor, releaseSupervision } from '../../stages/deploy/local/state.ts';
import { call, ServiceRig } from './service-rig.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mf-supervision-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const applyProgram = fileURLToPath(new URL('./apply-once.ts', import.meta.url));

/** A process that deploys a bundle, as a CLI does; what it finds is its exit code. */
function applying(rig: ServiceRig, bundle: string, stamp: string): ChildProcess {
  return fork(applyProgram, [join(rig.folder, 'targets'), bundle, stamp], { execArgv: [], stdio: 'ignore' });
}

const exitOf = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve));

test('the pauses between restarts double from 0.2 s to 30 s, and jitter takes up to half of each', () => {
  expect([1, 2, 3, 4].map((crashes) => restartPauseMs(crashes, 1))).toEqual([200, 400, 800, 1600]);
  expect(restartPauseMs(50, 1)).toBe(30_000);
  expect(restartPauseMs(1, 0)).toBe(100);
});

test('a process is known by its number and its start, so a number that is used again is another process', async () => {
  const self = await identityOf(process.pid);
  expect(self).toBeDefined();
  if (self === undefined) return;
  expect(await isRunning(self)).toBe(true);
  expect(await isRunning({ ...self, startedAt: `${self.startedAt}0` })).toBe(false);
  expect(await signal({ ...self, startedAt: `${self.startedAt}0` }, 'SIGKILL')).toBe(false);
  expect(await identityOf(2 ** 22 + 1)).toBeUndefined();
});

test('one supervisor at a time: a living one is not pushed out, a dead one is, and nothing is left lying about', async () => {
  expect(await claimSupervision(folder)).toBe(true);
  expect(await claimSupervision(folder)).toBe(false);
  await releaseSupervision(folder);
  const record = { format: 1, pid: process.pid, startedAt: 'another time' };
  await writeFile(pathsOf(folder).supervisor, JSON.stringify(record));
  expect(await claimSupervision(folder)).toBe(true);
  expect(await readSupervisor(folder)).toMatchObject({ pid: process.pid, startedAt: (await identityOf(process.pid))?.startedAt });
  expect(await readdir(folder)).toEqual(['supervisor.json']);
});

test('a state file that is damaged is an error that names it, not an empty state', async () => {
  await writeFile(pathsOf(folder).supervisor, '{"format":1,');
  await expect(readSupervisor(folder)).rejects.toMatchObject({
    diagnostics: [{ code: 'MF6003', message: expect.stringContaining('supervisor.json') }],
  });
});

test('two processes that deploy at the same time end up with one supervisor and one service', async () => {
  const rig = await ServiceRig.open();
  try {
    const bundle = await rig.bundle('one');
    const codes = await Promise.all([applying(rig, bundle.path, 'stamp-one'), applying(rig, bundle.path, 'stamp-one')].map(exitOf));
    expect(codes).toEqual([0, 0]);
    expect((await rig.read()).revisions).toEqual([{ id: '1', stamp: 'stamp-one', weight: 100, health: 'ready' }]);
    const starts = (await rig.logs()).filter(({ line }) => line === 'stand-in one starts');
    expect(starts.length).toBe(1);
  } finally {
    await rig.close();
  }
});

test('a CLI that is killed while it deploys leaves the old release serving, and the same deployment then works', async () => {
  const rig = await ServiceRig.open();
  try {
    const before = await rig.apply(await rig.bundle('one'), 'stamp-one');
    const bundle = await rig.bundle('two', 'never-ready');
    const cli = applying(rig, bundle.path, 'stamp-two');
    await rig.logged(/stand-in two starts/);
    cli.kill('SIGKILL');
    await exitOf(cli);
    expect(await call(before.url)).toMatchObject({ label: 'one' });
    await rig.logged(/did not start: the deployment was stopped/);
    expect(await rig.read()).toEqual(before);
    await writeFile(join(bundle.path, 'behaviour.json'), JSON.stringify({ label: 'two', mode: 'ok' }));
    expect(await exitOf(applying(rig, bundle.path, 'stamp-two'))).toBe(0);
    expect(await call(before.url)).toMatchObject({ label: 'two' });
  } finally {
    await rig.close();
  }
});

test('the service outlives the process that deployed it, in a session of its own', async () => {
  const rig = await ServiceRig.open();
  try {
    expect(await exitOf(applying(rig, (await rig.bundle('one')).path, 'stamp-one'))).toBe(0);
    const live = await rig.read();
    expect(await call(live.url)).toMatchObject({ label: 'one' });
    if (process.platform !== 'linux') return;
    const pid = await rig.supervisorPid();
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    expect([Number(fields[2]), Number(fields[3])]).toEqual([pid, pid]);
  } finally {
    await rig.close();
  }
});

test('a supervisor that hangs is reported by read, and ended by remove', async () => {
  const rig = await ServiceRig.open();
  try {
    const live = await rig.apply(await rig.bundle('one'), 'stamp-one');
    const pid = await rig.supervisorPid();
    process.kill(pid, 'SIGSTOP');
    await expect(rig.read()).rejects.toMatchObject({
      diagnostics: [{ code: 'MF5002', message: expect.stringContaining(`process ${pid}`) }],
    });
    await rig.remove();
    await expect(call(live.url)).rejects.toThrow('ECONNREFUSED');
    expect((await rig.read()).revisions).toEqual([]);
  } finally {
    await rig.close();
  }
});

test('a supervisor that is asked to end by the system finishes its requests, and the next apply goes on with the same revision', async () => {
  const rig = await ServiceRig.open();
  try {
    const bundle = await rig.bundle('one');
    const live = await rig.apply(bundle, 'stamp-one');
    const supervisor = await identityOf(await rig.supervisorPid());
    const { pid } = await call(live.url);
    const slow = call(live.url, '/slow');
    await rig.logged(/holds an answer back/);
    process.kill(supervisor?.pid ?? 0, 'SIGTERM');
    await rig.logged(/revision 1 finishes what it has/);
    process.kill(pid, 'SIGUSR2');
    expect(await slow).toMatchObject({ status: 200 });
    while (supervisor && (await isRunning(supervisor)));
    expect((await rig.read()).revisions).toMatchObject([{ id: '1', health: 'stopped' }]);
    expect(await rig.apply(bundle, 'stamp-one')).toEqual(live);
  } finally {
    await rig.close();
  }
});
