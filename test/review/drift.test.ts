import { describe, expect, it } from 'vitest';
import type { Rig } from '../support/rig.ts';
import { applied, chain, configOf, planSeen, reviewRig } from './review-rig.ts';

const live = (rig: Rig) =>
  JSON.parse(rig.read('live.json')) as { svc: { settings: Record<string, unknown>; token: string; revisions: Record<string, unknown>[] } };
const byHand = (rig: Rig, change: (svc: ReturnType<typeof live>['svc']) => void): void => {
  const all = live(rig);
  change(all.svc);
  all.svc.token = 'by hand';
  rig.write('live.json', JSON.stringify(all));
};

describe('what somebody changed by hand', () => {
  it('is told apart from what the configuration wants changed, and repaired by a run', async () => {
    const rig = reviewRig(configOf(chain('', '{ env: { A: "1" } }')));
    await rig.run('run');
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
    byHand(rig, (svc) => {
      svc.settings = { ...svc.settings, env: { A: '2', B: '3' } };
    });
    const plan = await rig.run('plan', '--detailed-exitcode');
    expect(plan.code).toBe(10);
    expect(plan.stdout).toContain('drift: settings.env.A: "1" when released, "2" now');
    expect(plan.stdout).toContain('settings.env.B: "3" (removed)');
    expect((await planSeen(rig)).steps.at(-1)).toMatchObject({ do: 'run', live: { action: 'repair' } });
    expect((await rig.run('plan', '--format', 'markdown')).stdout).toContain('! drift: settings.env.A');
    expect((await rig.run('run')).code).toBe(0);
    expect(applied(rig)).toHaveLength(2);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);

    rig.write('deploy.config.ts', configOf(chain('', '{ env: { A: "5" } }')));
    const wanted = await rig.run('plan');
    expect(wanted.stdout).toContain('settings.env.A: "1" -> "5"');
    expect(wanted.stdout).not.toContain('drift');
  });

  it('is another release, a service that is gone, one that stopped; but not one that was taken down', async () => {
    const rig = reviewRig(configOf(chain()));
    await rig.run('run');
    const before = rig.read('live.json');
    byHand(rig, (svc) => Object.assign(svc.revisions[0] ?? {}, { stamp: 'f'.repeat(64) }));
    expect((await rig.run('plan')).stdout).toMatch(/release: "[0-9a-f]{12}" when released, "f{12}" now/);
    rig.write('live.json', '{}');
    expect((await rig.run('plan')).stdout).toMatch(/release: "[0-9a-f]{12}" when released, gone now/);
    rig.write('live.json', before);
    byHand(rig, (svc) => Object.assign(svc.revisions[0] ?? {}, { health: 'stopped' }));
    expect((await rig.run('plan')).stdout).toContain('health: "ready" when released, "stopped" now');
    await rig.run('down');
    expect((await rig.run('plan')).stdout).not.toContain('drift');
  });
});

describe('`plan --drift`', () => {
  it('tells only of that, whatever the configuration wants by now, and 10 is its exit code for a scheduled check', async () => {
    const rig = reviewRig(configOf(chain()));
    const check = async (...more: string[]) => rig.run('plan', '--drift', '--detailed-exitcode', ...more);
    const before = await check();
    expect(before.code).toBe(0);
    expect(before.stdout).toContain('svc on place is not released');
    await rig.run('run');
    rig.write('deploy.config.ts', configOf(chain('', '{ port: 7 }', 2)));
    const same = await check();
    expect(same.code).toBe(0);
    expect(same.stdout).toContain('svc on place is as it was released: release');
    byHand(rig, (svc) => {
      svc.settings = { ...svc.settings, port: 9 };
    });
    const changed = await check();
    expect(changed.code).toBe(10);
    expect(changed.stdout).toContain('drift: settings.port: 1 when released, 9 now');
    expect((await rig.run('plan', '--drift')).code).toBe(0);
    expect(JSON.parse((await check('--json')).stdout).services[0]).toMatchObject({
      service: 'svc',
      changes: [{ path: 'settings.port', before: 1, after: 9 }],
    });
    expect((await check('--format', 'markdown')).stdout).toContain('! drift: settings.port');
    await rig.run('rollback');
    await rig.run('run');
    expect((await check()).code).toBe(0);
  });

  it('shows no value of a secret that the target reads back', async () => {
    const build = chain('', '{ token: secret("TOKEN") }');
    const rig = reviewRig(configOf(build));
    rig.write(
      'world.ts',
      rig
        .read('world.ts')
        .replace('settings: ctx.settings }', "settings: { ...ctx.settings, token: ctx.settings.token?.reveal() ?? 'none' } }"),
    );
    expect((await rig.start(['run'], { env: { TOKEN: 'correct horse' } }).finished).code).toBe(0);
    expect(rig.read('live.json')).toContain('correct horse');
    expect((await rig.run('plan', '--drift', '--detailed-exitcode')).code).toBe(0);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
    rig.write('deploy.config.ts', configOf(chain('', '{ port: 2 }')));
    const plan = await rig.run('plan', '--json');
    expect(plan.stdout).toContain('"before": "secret TOKEN"');
    expect(plan.stdout).not.toContain('correct horse');
  });
});
