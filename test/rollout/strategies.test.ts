import { describe, expect, it } from 'vitest';
import { calls, canaryOf, configOf, quick, servingRig, shares } from './scripted.ts';

describe('a canary', () => {
  it('that is no worse gets more and more of the requests, and then all', async () => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', canaryOf('[5, 50]')));
    const plan = await rig.run('plan');
    expect(plan.stdout).toContain('canary 5 → 50 → 100 %, up to 20 s a step');
    const run = await rig.run('run');
    expect(run.stderr).toContain('canary of');
    expect(run.code).toBe(0);
    expect(calls(rig)).toEqual(['one=100', 'one=95 two=5', 'one=50 two=50', 'one=0 two=100', 'two=100']);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
  });

  it('that fails more often is taken back, and is not deployed again', async () => {
    const rig = await servingRig({ two: { fails: 0.3 } });
    rig.write('deploy.config.ts', configOf('two', canaryOf('[25]')));
    const run = await rig.run('run');
    expect(run.stderr).toContain('MF5005');
    expect(run.code).toBe(4);
    expect(shares(rig)).toBe('one=100');
    expect(calls(rig)).toEqual(['one=100', 'one=75 two=25', 'one=100']);
    const again = await rig.run('run');
    expect(again.stderr).toContain('MF5007');
    expect(calls(rig)).toHaveLength(3);
  });

  it('that answers otherwise is taken back, by the copies that it was asked', async () => {
    const rig = await servingRig({ two: { disagrees: 0.5 } });
    rig.write('deploy.config.ts', configOf('two', `canary({ steps: [5], mirror: 50, analysis: ${quick} })`));
    const run = await rig.run('run');
    expect(run.stderr).toMatch(/MF5005.*disagreement/s);
    expect(calls(rig)).toEqual(['one=100', 'one=95 two=5+50', 'one=100']);
  });

  it('of which most answers are failures is taken back without any statistics', async () => {
    const rig = await servingRig({ two: { fails: 1 }, perLook: 100 });
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]', '{ intervalMs: 100, minRequests: 100_000 }')));
    const run = await rig.run('run');
    expect(run.code).toBe(4);
    expect(run.stderr).toMatch(/answers of the new release were failures|errors:/);
    expect(shares(rig)).toBe('one=100');
  });

  it('that stops running is taken back at once', async () => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]')));
    rig.write('sick.txt', 'two');
    const run = await rig.run('run');
    expect(run.stderr).toContain('the new release is failing');
    expect(run.code).toBe(4);
    expect(shares(rig)).toBe('one=100');
  });

  it('that the target cannot start leaves what serves alone, and may be tried again', async () => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]')));
    rig.write('cannot.txt', 'two');
    const run = await rig.run('run');
    expect(run.stderr).toContain('two does not start');
    expect(run.code).toBe(1);
    expect(shares(rig)).toBe('one=100');
    rig.write('cannot.txt', 'nobody');
    expect((await rig.run('run')).code).toBe(0);
    expect(shares(rig)).toBe('two=100');
  });

  it('without any traffic says so and waits for a decision, with the split as it is', async () => {
    const rig = await servingRig({ perLook: 0 });
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]', '{ intervalMs: 100, maxWaitMs: 300 }')));
    const run = await rig.run('run');
    expect(run.stderr).toContain('MF5301');
    expect(run.stderr).toContain('got no request');
    expect(run.stderr).toContain('PAUSED');
    expect(run.stderr).not.toContain('FAILED');
    expect(run.code).toBe(7);
    expect(shares(rig)).toBe('one=50 two=50');
    const plan = await rig.run('plan');
    expect(plan.stdout).toContain('PAUSED at step 1 of 2, 50 %');
    expect((await rig.run('plan', '--format', 'markdown')).stdout).toContain('PAUSED at step 1 of 2');
  });

  it.each([
    ['roll-back', 4, 'one=100'],
    ['promote', 0, 'two=100'],
  ])('that has waited long enough does what it was told: %s', async (onInconclusive, code, then) => {
    const rig = await servingRig({ perLook: 0 });
    const strategy = canaryOf('[50]', '{ intervalMs: 100, maxWaitMs: 200 }', `onInconclusive: '${onInconclusive}'`);
    rig.write('deploy.config.ts', configOf('two', strategy));
    expect((await rig.run('run')).code).toBe(code);
    expect(shares(rig)).toBe(then);
  });

  it('of the first release there ever was has nothing to be compared with, and takes all', async () => {
    const rig = await servingRig();
    await rig.run('down');
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]')));
    expect((await rig.run('run')).code).toBe(0);
    expect(calls(rig).at(-1)).toBe('two=100');
  });

  it('on a target that only splits by replicas comes as near as they let it, and the plan says so', async () => {
    const rig = await servingRig();
    rig.write(
      'deploy.config.ts',
      configOf('two', 'canary({ steps: [5, 25, 60], analysis: { intervalMs: 100, minRequests: 20 } })', 'pods'),
    );
    const plan = await rig.run('plan');
    expect(plan.stdout).toContain('canary 25 → 50 → 100 %');
    expect(plan.stdout).toContain('answers are not compared');
    expect(plan.stdout).toContain('split by 4 replicas: 5 % becomes 25 %, 60 % becomes 50 %; 1 of the steps');
    expect((await rig.run('run')).code).toBe(0);
    expect(calls(rig)).toEqual(['one=100', 'one=75 two=25', 'one=50 two=50', 'one=0 two=100', 'two=100']);
  });

  it.each(['canary()', 'blueGreen()', 'shadow()'])(
    'or another rollout in steps is refused by the plan where the target cannot split: %s',
    async (strategy) => {
      const rig = await servingRig();
      rig.write('deploy.config.ts', configOf('two', strategy, 'whole'));
      const plan = await rig.run('plan');
      expect(plan.stderr).toContain('MF5300');
      expect(plan.code).toBe(2);
    },
  );
});

describe('blue-green', () => {
  it('brings the release up beside the one that serves, switches, and lets the old one go after a while', async () => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', 'blueGreen({ keepMs: 100 })'));
    expect((await rig.run('plan')).stdout).toContain('blue-green: switched when it is ready');
    expect((await rig.run('run')).code).toBe(0);
    expect(calls(rig)).toEqual(['one=100', 'one=100 two=0', 'one=0 two=100', 'two=100']);
  });

  it('switches back when the release answers wrongly', async () => {
    const rig = await servingRig();
    rig.write('bad.txt', 'two');
    rig.write('deploy.config.ts', configOf('two', 'blueGreen({ keepMs: 60_000 })'));
    const run = await rig.run('run');
    expect(run.stderr).toContain('answers nonsense');
    expect(run.code).toBe(4);
    expect(calls(rig)).toEqual(['one=100', 'one=100 two=0', 'one=0 two=100', 'one=100']);
  });
});

describe('a shadow', () => {
  it('gets copies only, and takes over when they are answered alike', async () => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', `shadow({ mirror: 50, analysis: ${quick} })`));
    expect((await rig.run('plan')).stdout).toContain('shadow: copies of 50 %');
    expect((await rig.run('run')).code).toBe(0);
    expect(calls(rig)).toEqual(['one=100', 'one=100 two=0+50', 'one=0 two=100', 'two=100']);
  });

  it('that answers otherwise never serves', async () => {
    const rig = await servingRig({ two: { disagrees: 0.5 } });
    rig.write('deploy.config.ts', configOf('two', `shadow({ mirror: 50, analysis: ${quick} })`));
    expect((await rig.run('run')).code).toBe(4);
    expect(calls(rig)).toEqual(['one=100', 'one=100 two=0+50', 'one=100']);
  });
});
