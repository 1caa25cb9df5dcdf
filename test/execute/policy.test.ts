import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';

const one = (given: string): string => `return { one: stage('one', async () => { throw new Error('no'); })(${given}) };`;

describe('how a stage is treated', () => {
  it.each([
    ['{ retries: 21 }', '<=20'],
    ["{ retries: { times: 'often' } }", 'Expected number'],
    ["{ weight: { memory: '2 gallons' } }", "a size such as '2GiB'"],
    ['{ weight: { cpu: 0 } }', '>0'],
    ['{ weight: { cores: 2 } }', 'unknown option `weight.cores`'],
  ])('is checked before anything runs: %s', async (given, words) => {
    const end = await ownStages(one(given)).run('plan');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(words);
    expect(end.stderr).toContain('deploy.config.ts');
  });

  it('is no part of the fingerprint', async () => {
    const rig = ownStages("return { one: kept({}), two: stage('two', async () => ({}))({}) };");
    expect((await rig.run('run')).code).toBe(0);
    rig.write(
      'deploy.config.ts',
      rig
        .read('deploy.config.ts')
        .replace('({}))({})', "({}))({ retries: { times: 2 }, timeoutMs: 9_000, weight: { cpu: 2, memory: '1.5GiB' } })"),
    );
    // The stage is defined in the configuration, whose text has changed: only that stands in the plan.
    expect((await rig.run('plan')).stdout).not.toContain('option');
  });

  it('may say how long the pauses between its tries are', async () => {
    const rig = ownStages(one('{ retries: { times: 3, firstPauseMs: 8, longestPauseMs: 16 } }'));
    const end = await rig.run('run', '--json');
    const pauses = end.stdout
      .split('\n')
      .filter((line) => line.includes('node-retried'))
      .map((line) => JSON.parse(line).pauseMs as number);
    expect(pauses).toHaveLength(3);
    for (const [at, most] of [8, 16, 16].entries()) {
      expect(pauses[at]).toBeLessThanOrEqual(most);
      expect(pauses[at]).toBeGreaterThanOrEqual(most / 2);
    }
  });
});
