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
    expect(plan.stdout).toContain('drift (changed by hand): settings.env.A: "1" (released) -> "2" (now)');
    expect(plan.stdout).toContain('settings.env.B: "3" (removed)');
    expect((await planSeen(rig)).steps.at(-1)).toMatchObject({ do: 'run', live: { action: 'repair' } });
    expect((await rig.run('plan', '--format', 'markdown')).stdout).toContain('! drift (changed by hand): settings.env.A');
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
    expect((await rig.run('plan')).stdout).toMatch(/release: "[0-9a-f]{12}" \(released\) -> "f{12}" \(now\)/);
    rig.write('live.json', '{}');
    expect((await rig.run('plan')).stdout).toMatch(/release: "[0-9a-f]{12}" \(released\) -> gone \(now\)/);
    rig.write('live.json', before);
    byHand(rig, (svc) => Object.assign(svc.revisions[0] ?? {}, { health: 'stopped' }));
    expect((await rig.run('plan')).stdout).toContain('health: "ready" (released) -> "stopped" (now)');
    await rig.run('down');
    expect((await rig.run('plan')).stdout).not.toContain('drift');
  });
});
