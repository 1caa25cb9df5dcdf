import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RemoteStore } from '../../core/index.ts';
import { openOci } from '../../core/store/remote/oci-client.ts';
import { textPart } from '../../core/store/remote/pack.ts';
import { createRecord, keyWord } from '../../core/store/remote/records.ts';
import { openS3 } from '../../core/store/remote/s3-client.ts';
import type { Rig } from '../support/rig.ts';
import type { ServerKind } from './servers.ts';
import { makeWorld, type World } from './world-rig.ts';

afterEach(() => vi.unstubAllEnvs());

const open = (kind: ServerKind, world: World): Promise<RemoteStore> => {
  for (const [name, value] of Object.entries(world.env)) vi.stubEnv(name, value);
  return kind === 's3'
    ? openS3({ bucket: 'models', prefix: '', endpoint: `http://127.0.0.1:${world.server.port}` })
    : openOci({ repository: `127.0.0.1:${world.server.port}/team/models`, insecure: true });
};

const github = { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'team/churn', GITHUB_RUN_ID: '17', GITHUB_SERVER_URL: 'https://github.com' };

/** A run on another machine, which cannot be asked whether it lives. */
async function heldElsewhere(kind: ServerKind, world: World, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const since = new Date().toISOString();
  const holder = {
    pid: 7,
    startedAt: '1',
    host: 'runner-9',
    boot: 'other',
    user: 'ci',
    command: 'modelflow run',
    since,
    nonce: 'n',
    released: false,
  };
  const key = 'leases/place-svc-' as const;
  const store = await open(kind, world);
  expect(keyWord('place/svc').startsWith('place-svc-'), key).toBe(true);
  await createRecord(store, `leases/${keyWord('place/svc')}/00000001`, { ...holder, expiresAt, ...more }, new AbortController().signal);
}

const applied = (world: World): readonly string[] => world.lines('applied.txt');

describe.each(['s3', 'oci'] as const)('a service that several machines deploy to, with a store in %s,', (kind: ServerKind) => {
  it('is changed by one after the other, and never twice to the same', async () => {
    const world = await makeWorld(kind);
    writeFileSync(world.path('wait-svc'), '');
    const machines = [world.machine('one', 'svc'), world.machine('one', 'svc')] as const;
    const first = world.start(machines[0], ['run']);
    await vi.waitFor(() => expect(world.lines('begun.txt')).toHaveLength(1), 20_000);
    const second = world.start(machines[1], ['run']);
    await second.says('is being changed by process');
    writeFileSync(world.path('go-svc'), '');
    expect((await first.finished).code).toBe(0);
    expect((await second.finished).code).toBe(0);
    expect(applied(world)).toEqual(['svc http://one']);
  });

  it('does not keep a run from changing another service meanwhile', async () => {
    const world = await makeWorld(kind);
    writeFileSync(world.path('wait-svc'), '');
    const slow = world.start(world.machine('slow', 'svc'), ['run']);
    await vi.waitFor(() => expect(world.lines('begun.txt')).toHaveLength(1), 20_000);
    expect((await world.run(world.machine('quick', 'other'), ['run'])).code).toBe(0);
    expect(applied(world)).toEqual(['other http://quick']);
    writeFileSync(world.path('go-svc'), '');
    expect((await slow.finished).code).toBe(0);
  });

  it('is not waited for when the run that held it was killed on this machine', async () => {
    const world = await makeWorld(kind);
    writeFileSync(world.path('wait-svc'), '');
    const killed = world.start(world.machine('one', 'svc'), ['run']);
    await vi.waitFor(() => expect(world.lines('begun.txt')).toHaveLength(1), 20_000);
    killed.child.kill('SIGKILL');
    await killed.finished;
    writeFileSync(world.path('go-svc'), '');
    const next = await world.run(world.machine('one', 'svc', { options: ', leaseWaitMs: 0' }), ['run']);
    expect(next).toMatchObject({ code: 0 });
    expect(applied(world)).toEqual(['svc http://one']);
  });

  it('is left alone while a run elsewhere holds it, which is named; `unlock` breaks it', async () => {
    const world = await makeWorld(kind);
    await heldElsewhere(kind, world, {
      ci: {
        provider: 'GitHub Actions',
        repository: 'team/churn',
        run: '17',
        attempt: 1,
        url: 'https://github.com/team/churn/actions/runs/17/attempts/1',
      },
    });
    const machine = world.machine('one', 'svc', { options: ', leaseWaitMs: 0' });
    const refused = await world.run(machine, ['run']);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('MF6103');
    expect(refused.stderr).toContain('https://github.com/team/churn/actions/runs/17/attempts/1');
    expect((await world.run(machine, ['unlock'])).stdout).toContain('run 17 (attempt 1) of team/churn');
    expect((await world.run(machine, ['run'])).code).toBe(0);
    expect(applied(world)).toEqual(['svc http://one']);
  });

  it('is left alone while the record of its holder is damaged, until `unlock`', async () => {
    const world = await makeWorld(kind);
    const key = `leases/${keyWord('place/svc')}/00000001`;
    await (await open(kind, world)).create(key, [textPart('record.json', 'spoilt\n{}\n')], new AbortController().signal);
    const machine = world.machine('one', 'svc', { options: ', leaseWaitMs: 0' });
    const refused = await world.run(machine, ['run']);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain(`MF6103: who is changing place/svc cannot be told: the record ${key} is damaged`);
    expect((await world.run(machine, ['unlock'])).stdout).toContain('of a holder whose record is damaged');
    expect((await world.run(machine, ['run'])).code).toBe(0);
    expect(applied(world)).toEqual(['svc http://one']);
  });

  it('is taken over at once by a newer attempt of the same CI run, and by nobody else', async () => {
    const world = await makeWorld(kind);
    await heldElsewhere(kind, world, { ci: { provider: 'GitHub Actions', repository: 'team/churn', run: '17', attempt: 1 } });
    const machine = world.machine('one', 'svc', { options: ', leaseWaitMs: 0' });
    for (const other of [{ GITHUB_RUN_ATTEMPT: '1' }, { GITHUB_RUN_ATTEMPT: '2', GITHUB_RUN_ID: '18' }])
      expect((await world.run(machine, ['run'], { ...github, ...other })).code).toBe(6);
    expect((await world.run(machine, ['run'], { ...github, GITHUB_RUN_ATTEMPT: '2' })).code).toBe(0);
  });

  it('is taken over when the time of the lease is up', async () => {
    const world = await makeWorld(kind);
    await heldElsewhere(kind, world, { expiresAt: new Date(Date.now() - 2_000).toISOString() });
    expect((await world.run(world.machine('one', 'svc', { options: ', leaseWaitMs: 0' }), ['run'])).code).toBe(0);
  });

  it('is not given again, by any machine, the release that one of them had to roll back', async () => {
    const world = await makeWorld(kind);
    expect((await world.run(world.machine('good', 'svc'), ['run'])).code).toBe(0);
    expect((await world.run(world.machine('bad', 'svc'), ['run'])).code).toBe(4);
    const another: Rig = world.machine('bad', 'svc');
    const plan = JSON.parse((await world.run(another, ['plan', '--json'])).stdout);
    expect(plan.steps.at(-1).live.action).toBe('held');
    expect((await world.run(another, ['run'])).code).toBe(4);
    expect(applied(world)).toEqual(['svc http://good', 'svc http://bad', 'svc http://good']);
  });
});
