import { describe, expect, it } from 'vitest';
import { applied, chain, configOf, eventsOf, planSeen, reviewRig } from './review-rig.ts';

const guarded = (rounds = 1): string => configOf(chain("approval: 'users see it'", '{}', rounds));

describe('a stage with `approval`', () => {
  it('waits while the rest is made, and the next run goes on after somebody has approved', async () => {
    const rig = reviewRig(guarded());
    const waiting = await rig.run('run');
    expect(waiting.code).toBe(7);
    expect(waiting.stderr).toContain('MF4101');
    expect(waiting.stderr).toContain('users see it');
    expect(rig.notes()).toEqual(['train', 'pack']);
    expect(applied(rig)).toEqual([]);
    const [asked] = (await planSeen(rig)).approvals;
    expect((await rig.run('plan')).stdout).toMatch(new RegExp(`NEEDED +service +${asked?.['fingerprint']?.slice(0, 12)} +users see it`));
    expect(asked).toMatchObject({ node: 'service', state: 'needed', why: 'users see it' });
    expect(waiting.stderr).toContain(`modelflow approve service --for ${asked?.['fingerprint']?.slice(0, 12)}`);

    expect((await rig.run('status')).stdout).toContain('service waits for an approval: users see it; `modelflow approve service --for');
    expect((await rig.run('approve', 'service', '--for', asked?.['fingerprint']?.slice(0, 12) ?? '')).code).toBe(0);
    expect((await rig.run('status')).stdout).not.toContain('waits for an approval');
    expect((await planSeen(rig)).approvals[0]).toMatchObject({ state: 'given', fingerprint: asked?.['fingerprint'] });
    expect((await rig.run('run')).code).toBe(0);
    expect(applied(rig)).toHaveLength(1);
    expect((await planSeen(rig)).approvals).toEqual([]);
  });

  it('asks again when what would be deployed is not what was approved', async () => {
    const rig = reviewRig(guarded());
    await rig.run('run');
    await rig.run('approve');
    rig.write('deploy.config.ts', guarded(2));
    expect((await rig.run('run')).code).toBe(7);
    expect(applied(rig)).toEqual([]);
    rig.write('deploy.config.ts', guarded(1));
    expect((await rig.run('run')).code).toBe(0);
    expect(applied(rig)).toHaveLength(1);
  });

  it('is not approved for another profile', async () => {
    const rig = reviewRig(guarded());
    await rig.run('run');
    await rig.run('approve');
    const other = await rig.run('run', '--profile', 'production');
    expect(other.code).toBe(7);
    const [shown = ''] = /modelflow approve service[^`]*/.exec(other.stderr) ?? [];
    expect((await rig.run(...shown.split(' ').slice(1))).code, shown).toBe(0);
    expect((await rig.run('run', '--profile', 'production')).code).toBe(0);
  });

  it('is done at once when the run is told that it is approved, by whom is written down', async () => {
    const rig = reviewRig(guarded());
    const end = await rig.start(['run', '--json'], { env: { MODELFLOW_APPROVE: 'service', GITHUB_ACTOR: 'ada' } }).finished;
    expect(end.code).toBe(0);
    const given = eventsOf(end.stdout).find((event) => event['type'] === 'approval-given');
    expect(given).toMatchObject({ node: 'service', by: 'ada' });
    const started = eventsOf(end.stdout).find((event) => event['type'] === 'run-started');
    const released = eventsOf(end.stdout).find((event) => event['type'] === 'released') as { release: Record<string, unknown> };
    expect(started?.['planDigest']).toMatch(/^[0-9a-f]{64}$/);
    expect(released.release['planDigest']).toBe(started?.['planDigest']);
    expect((await reviewRig(guarded()).run('run', '--approve', 'service')).code).toBe(0);
  });

  it('lets what does not depend on it go on; a failure elsewhere says more than that it waits', async () => {
    const both = (path: string): string =>
      configOf(`
        const model = train({ path: 'data.txt' });
        const other = train({ path: 'data.txt', rounds: 7 });
        return { asked: pack({ model, approval: true }), other, late: pack({ model: other }), wrong: train({ path: '${path}', rounds: 9 }) };`);
    const rig = reviewRig(both('data.txt'));
    expect((await rig.run('run')).code).toBe(7);
    expect(rig.notes()).toHaveLength(4);
    expect((await rig.run('status')).stdout).toContain('approval-pending');
    rig.write('deploy.config.ts', both('gone.txt'));
    const failed = await rig.run('run');
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain('MF1107');
  });

  it('is approved only for what is known, and only as long as it is that', async () => {
    const rig = reviewRig(guarded());
    const early = await rig.run('approve', 'service');
    expect(early.code).toBe(2);
    expect(early.stderr).toContain('MF4102');
    expect((await rig.run('approve', 'packed')).stderr).toContain('needs no approval');
    await rig.run('run');
    const wrong = await rig.run('approve', 'service', '--for', 'ffffffffffff');
    expect(wrong.code).toBe(5);
    // As a script does whose variable is not set.
    expect((await rig.run('approve', 'service', '--for', '')).code).toBe(2);
    expect(wrong.stderr).toContain('MF4103');
    expect((await rig.run('run')).code).toBe(7);
  });
});
