import { describe, expect, it } from 'vitest';
import { calls, canaryOf, configOf, servingRig, shares } from './scripted.ts';

describe('a canary', () => {
  it('that is no worse gets more and more of the requests, and then all', async () => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', canaryOf('[5, 50]')));
    const run = await rig.run('run');
    expect(run.stderr).toContain('canary of');
    expect(run.code).toBe(0);
    expect(calls(rig)).toEqual(['one=100', 'one=95 two=5', 'one=50 two=50', 'one=0 two=100', 'two=100']);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
  });
});

describe('a canary that is worse', () => {
  it('is taken back before it gets more, and is not deployed again', async () => {
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
});
