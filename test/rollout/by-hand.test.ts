import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { filesBelow, type Rig } from '../support/rig.ts';
import { calls, canaryOf, configOf, servingRig, shares } from './scripted.ts';

/** A canary at half of the requests that waits for somebody. */
async function pausedRig(): Promise<Rig> {
  const rig = await servingRig({ perLook: 0 });
  rig.write('deploy.config.ts', configOf('two', canaryOf('[50]', '{ intervalMs: 100, maxWaitMs: 100 }')));
  expect((await rig.run('run')).code).toBe(7);
  return rig;
}

const endless = '{ intervalMs: 100, minRequests: 1_000_000, maxWaitMs: 600_000, errors: false, latency: false, disagreement: false }';

describe('a rollout that is paused', () => {
  it('is finished by promote, and the next run has nothing to bring about', async () => {
    const rig = await pausedRig();
    const end = await rig.run('promote');
    expect(end.stdout).toContain('svc serves release');
    expect(end.code).toBe(0);
    expect(shares(rig)).toBe('two=100');
    const applied = calls(rig).length;
    expect((await rig.run('run')).code).toBe(0);
    expect(calls(rig)).toHaveLength(applied);
  });

  it('is undone by abort, and the candidate is refused from then on', async () => {
    const rig = await pausedRig();
    expect((await rig.run('abort', 'svc')).stdout).toContain('again');
    expect(shares(rig)).toBe('one=100');
    const run = await rig.run('run');
    expect(run.stderr).toContain('aborted by');
    expect(run.code).toBe(4);
    expect(shares(rig)).toBe('one=100');
  });

  it('is undone by rollback as well', async () => {
    const rig = await pausedRig();
    expect((await rig.run('rollback')).code).toBe(0);
    expect(shares(rig)).toBe('one=100');
    expect((await rig.run('promote')).stderr).toContain('MF5303');
  });

  it('is undone although the bytes of the candidate are lost', async () => {
    const rig = await pausedRig();
    const [{ releases }] = JSON.parse((await rig.run('releases', '--json')).stdout);
    const kept: string = releases[0].artifact;
    for (const file of filesBelow(rig.path('.modelflow/artifacts')))
      if (!file.includes(kept)) rmSync(rig.path(`.modelflow/artifacts/${file}`));
    expect((await rig.run('promote')).stderr).toContain('is not in the store any more');
    expect((await rig.run('abort')).code).toBe(0);
    expect(shares(rig)).toBe('one=100');
    expect((await rig.run('rollback', '--to', '1')).stderr).toContain('svc serves release 1 already');
  });

  it('whose abort could not be carried out is shown as refused, and taken back by the next run', async () => {
    const rig = await pausedRig();
    rig.write('down.txt', '');
    expect((await rig.run('abort')).code).not.toBe(0);
    rmSync(rig.path('down.txt'));
    expect(shares(rig)).toBe('one=50 two=50');
    expect((await rig.run('plan')).stdout).toContain('REFUSED, and is taken back, at step 1');
    expect((await rig.run('status')).stdout).toContain('gives the release before all the requests back');
    expect((await rig.run('run')).code).toBe(4);
    expect(shares(rig)).toBe('one=100');
  });

  it('of a service that the configuration names no more is undone by name', async () => {
    const rig = await pausedRig();
    rig.write('deploy.config.ts', rig.read('deploy.config.ts').replace('strategy:', "service: 'other', strategy:"));
    expect((await rig.run('abort')).stderr).toContain('a rollout of svc is under way, which the configuration names no more');
    expect((await rig.run('abort', 'svc')).code).toBe(0);
    expect(shares(rig)).toBe('one=100');
  });

  it('goes on with what was counted when it is run again', async () => {
    const rig = await pausedRig();
    rig.write('rates.json', JSON.stringify({ perLook: 400 }));
    const strategy = canaryOf('[50]', '{ intervalMs: 100, maxWaitMs: 100 }');
    expect(rig.read('deploy.config.ts')).toContain(strategy);
    for (let run = 0; run < 8 && shares(rig) !== 'two=100'; run++) await rig.run('run');
    expect(shares(rig)).toBe('two=100');
    expect(calls(rig)).toEqual(['one=100', 'one=50 two=50', 'one=0 two=100', 'two=100']);
  });

  it('is given up for another release, which begins beside what served', async () => {
    const rig = await pausedRig();
    rig.write('rates.json', JSON.stringify({ perLook: 400 }));
    rig.write('deploy.config.ts', configOf('three', canaryOf('[25]')));
    expect((await rig.run('plan')).stdout).toContain('gives up the canary of');
    expect((await rig.run('run')).code).toBe(0);
    expect(calls(rig).slice(2)).toEqual(['one=75 three=25', 'one=0 three=100', 'three=100']);
    rig.write('deploy.config.ts', configOf('two', 'rolling()'));
    expect((await rig.run('run')).code).toBe(0);
  });

  it('is given up when the configuration goes back to what serves', async () => {
    const rig = await pausedRig();
    rig.write('deploy.config.ts', configOf('one', 'rolling()'));
    expect((await rig.run('run')).code).toBe(0);
    expect(shares(rig)).toBe('one=100');
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
  });

  it('goes away with its service', async () => {
    const rig = await pausedRig();
    expect((await rig.run('down')).code).toBe(0);
    expect((await rig.run('promote')).stderr).toContain('MF5303');
    expect((await rig.run('run')).code).toBe(0);
    expect(shares(rig)).toBe('two=100');
  });

  it('is shown by status and releases', async () => {
    const rig = await pausedRig();
    const status = await rig.run('status');
    expect(status.stdout).toMatch(/canary of \w{12} beside \w{12}: step 1 of 2, PAUSED/);
    expect(JSON.parse((await rig.run('status', '--json')).stdout).services[0].rollout).toMatchObject({
      state: 'paused',
      step: 0,
      weight: 50,
    });
    expect((await rig.run('releases')).stdout).toContain('is paused at 50 %');
  });
});

describe('a rollout that another process runs', () => {
  it.each([
    ['promote', 0, 'two=100'],
    ['abort', 4, 'one=100'],
  ])('does what %s asks it to, once, and the journal says who asked', async (what, code, then) => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]', endless)));
    const run = rig.start(['run']);
    await run.says('step 1');
    const asked = await rig.run(what, 'svc');
    expect(asked.stderr).toContain('runs the rollout');
    expect(asked.code).toBe(0);
    const end = await run.finished;
    expect(end.code).toBe(code);
    expect(end.stderr).toContain(`asks to ${what}`);
    expect(shares(rig)).toBe(then);
    expect((await rig.run(what)).stderr).toContain('MF5303');
  });

  it('that is stopped leaves the split as it is and says so, and the next run goes on', async () => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]', endless)));
    const run = rig.start(['run']);
    await run.says('wait after');
    run.child.kill('SIGINT');
    const end = await run.finished;
    expect(end.code).toBe(130);
    expect(end.stderr).toContain('stays as it is split');
    expect(shares(rig)).toBe('one=50 two=50');
    const next = rig.start(['run']);
    await next.says('wait after');
    expect((await rig.run('promote')).code).toBe(0);
    expect((await next.finished).code).toBe(0);
    expect(calls(rig)).toEqual(['one=100', 'one=50 two=50', 'one=0 two=100', 'two=100']);
  });
});

describe('a machine that was started again', () => {
  it('in the middle of a rollout gets both releases back, and the rollout goes on', async () => {
    const rig = await pausedRig();
    rig.write('stopped.txt', '');
    rig.write('rates.json', JSON.stringify({ perLook: 400 }));
    for (let run = 0; run < 8 && shares(rig) !== 'two=100'; run++) await rig.run('run');
    expect(calls(rig)).toEqual(['one=100', 'one=50 two=50', 'one=50 two=50', 'one=0 two=100', 'two=100']);
  });

  it('with a service that stands still has nothing to compare a new release with: it takes over at once', async () => {
    const rig = await servingRig();
    rig.write('stopped.txt', '');
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]')));
    expect((await rig.run('run')).code).toBe(0);
    expect(calls(rig)).toEqual(['one=100', 'two=100']);
  });
});

describe('status --watch', () => {
  it('tells again what has changed, until it is stopped', async () => {
    const rig = await servingRig({ perLook: 0 });
    const watch = rig.start(['status', '--watch']);
    await watch.says('revision one  ready  100 %');
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]', '{ intervalMs: 100, maxWaitMs: 100 }')));
    await rig.run('run');
    await watch.says('revision two  ready  50 %');
    await watch.says('PAUSED');
    watch.child.kill('SIGINT');
    expect((await watch.finished).code).toBe(0);
  });
});

describe('a target that does not answer', () => {
  it('is told of for its service, with exit 8, and what else there is is still shown', async () => {
    const rig = await pausedRig();
    rig.write('down.txt', '');
    for (const command of [['status'], ['releases']]) {
      const end = await rig.run(...command);
      expect(end.stdout + end.stderr).toContain('MF5002');
      expect(end.stdout).toContain('svc on place');
      expect(end.code).toBe(8);
    }
    for (const command of [['promote'], ['abort'], ['rollback'], ['down'], ['run']]) expect((await rig.run(...command)).code).toBe(8);
    expect(shares(rig)).toBe('one=50 two=50');
  });

  it('for a while in the middle of a rollout is waited for', async () => {
    const rig = await servingRig();
    rig.write('deploy.config.ts', configOf('two', canaryOf('[50]', endless)));
    const run = rig.start(['run']);
    await run.says('wait after');
    rig.write('down.txt', '');
    await run.says('could not be looked at');
    rmSync(rig.path('down.txt'));
    await run.says('can be looked at again');
    expect((await rig.run('promote')).code).toBe(0);
    expect((await run.finished).code).toBe(0);
  });
});
