import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';

const chain = (length: number): string => `
  const link = stage('link', async () => ({ n: 1 }), { inputs: { from: optional(Anything) } });
  let last = link({});
  for (let at = 1; at < ${length}; at++) last = link({ from: last });
  return { last };`;

const fan = (width: number): string => `
  const one = stage('one', async () => ({ n: 1 }));
  const all_ = stage('all', async ({ inputs }) => ({ n: inputs.from.length }), { inputs: { from: many(Anything) } });
  return { all: all_({ from: Array.from({ length: ${width} }, () => one({})) }) };`;

describe('a pipeline of ten thousand stages', () => {
  it.each([
    ['in a chain', chain],
    ['side by side', fan],
  ])('%s is planned and drawn in every form', async (_, build) => {
    const rig = ownStages(build(10_000));
    for (const args of [['plan'], ['plan', '--json'], ['plan', '--format', 'markdown'], ['graph']]) {
      const end = await rig.run(...args);
      expect(end.code, `${args}\n${end.stderr.slice(0, 500)}`).toBe(0);
    }
    expect(JSON.parse((await rig.run('plan', '--json')).stdout).steps.length).toBeGreaterThanOrEqual(10_000);
  });
});

describe('the names of inner stages', () => {
  it('keep clear of those that the configuration gives, and of each other', async () => {
    const rig = ownStages(`
      const one = stage('one', async () => ({}));
      const all_ = stage('all', async () => ({}), { inputs: { from: many(Anything) } });
      return { all: all_({ from: Array.from({ length: 4 }, () => one({})) }), 'all.from2': one({}), 'all.from4': one({}) };`);
    const { steps } = JSON.parse((await rig.run('plan', '--json')).stdout);
    expect(steps.map((step: { node: string }) => step.node).sort()).toEqual(
      ['all', 'all.from', 'all.from2', 'all.from3', 'all.from4', 'all.from5', 'all.from6'].sort(),
    );
  });
});

describe('a wide pipeline', () => {
  it('runs no more stages at once than it may, and waits for what runs when one fails', async () => {
    const rig = ownStages(`
      const all_ = Array.from({ length: 12 }, (_, at) => stage('one', async () => {
        appendFileSync('seen.txt', '+');
        while (readFileSync('seen.txt', 'utf8').split('+').length <= 3) await pause(5);
        appendFileSync('seen.txt', '-');
        if (at === 5) throw new Error('five');
        return {};
      }, { options: { at: z.number() } })({ at }));
      return Object.fromEntries(all_.map((each, at) => ['n' + at, each]));`);
    const end = await rig.run('run', '--concurrency', '3');
    expect(end.code).toBe(1);
    let [now, most] = [0, 0];
    for (const sign of rig.read('seen.txt')) {
      now += sign === '+' ? 1 : -1;
      most = Math.max(most, now);
    }
    expect(most).toBe(3);
    expect(now).toBe(0);
    expect(rig.read('seen.txt').length).toBeLessThan(24);
  });
});
