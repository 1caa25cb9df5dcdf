import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { poolOf } from '../../core/engine/pool.ts';
import { ownStages } from '../support/own-stages.ts';
import type { Rig } from '../support/rig.ts';

/** Each stage says when it is at work; `light` ones wait until as many are at work together as `together` says. */
const timed = `
  const note = (sign, at) => appendFileSync('seen.txt', sign + at + '\\n');
  const work = stage('work', async ({ options }) => {
    note('+', options.at);
    while (options.together > 0 && readFileSync('seen.txt', 'utf8').split('+').length <= options.together) await pause(5);
    await pause(20);
    note('-', options.at);
    return {};
  }, { options: { at: z.string(), together: z.number().default(0) } });`;

/** The most that were at work at once, and who was at work beside each. */
function seen(rig: Rig): { readonly most: number; readonly beside: ReadonlyMap<string, ReadonlySet<string>> } {
  const now = new Set<string>();
  const beside = new Map<string, Set<string>>();
  let most = 0;
  for (const line of rig.read('seen.txt').trim().split('\n')) {
    const at = line.slice(1);
    if (line.startsWith('-')) now.delete(at);
    else {
      beside.set(at, new Set(now));
      for (const other of now) beside.get(other)?.add(at);
      now.add(at);
    }
    most = Math.max(most, now.size);
  }
  return { most, beside };
}

describe('the weight of a stage', () => {
  it('keeps those apart that together are heavier than the machine', async () => {
    const rig = ownStages(`${timed}
      return { a: work({ at: 'a', weight: { cpu: 2 } }), b: work({ at: 'b', weight: { cpu: 2 } }), c: work({ at: 'c' }), d: work({ at: 'd' }) };`);
    expect((await rig.run('run', '--concurrency', '3')).code).toBe(0);
    expect([...(seen(rig).beside.get('a') ?? [])]).not.toContain('b');
  });

  it('heavier than the machine means alone, and not never', async () => {
    const rig = ownStages(`${timed}
      return { a: work({ at: 'a', weight: { cpu: 64 } }), b: work({ at: 'b', weight: { memory: '9TiB' } }), c: work({ at: 'c' }), d: work({ at: 'd' }) };`);
    expect((await rig.run('run', '--concurrency', '4')).code).toBe(0);
    const { beside } = seen(rig);
    expect([...(beside.get('a') ?? [])]).toEqual([]);
    expect([...(beside.get('b') ?? [])]).toEqual([]);
  });

  it('less than a core lets more run at once', async () => {
    const rig = ownStages(`${timed}
      return Object.fromEntries(Array.from({ length: 4 }, (_, at) => ['n' + at, work({ at: 'n' + at, together: 4, weight: { cpu: 0.25 } })]));`);
    expect((await rig.run('run', '--concurrency', '1')).code).toBe(0);
    expect(seen(rig).most).toBe(4);
  });

  it('never adds up to more than there is, whatever comes and goes, and leaves nothing taken', () => {
    const weights = fc.array(fc.record({ cpu: fc.constantFrom(0.1, 0.25, 1, 2, 9), memoryBytes: fc.nat(150) }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(weights, fc.infiniteStream(fc.boolean()), (waiting, coins) => {
        const capacity = { cpu: 4, memoryBytes: 100 };
        const pool = poolOf(capacity);
        const left = [...waiting];
        const running: (typeof left)[number][] = [];
        while (left.length > 0 || running.length > 0) {
          const next = left.findIndex((weight) => pool.hasRoomFor(weight));
          if (next >= 0 && (running.length === 0 || coins.next().value)) {
            const [weight] = left.splice(next, 1);
            if (!weight) throw new Error('no weight');
            pool.take(weight);
            running.push(weight);
            const sum = (of: 'cpu' | 'memoryBytes'): number => running.reduce((total, each) => total + each[of], 0);
            if (running.length > 1) {
              expect(sum('cpu')).toBeLessThan(capacity.cpu + 0.001);
              expect(sum('memoryBytes')).toBeLessThanOrEqual(capacity.memoryBytes);
            }
          } else {
            // Nothing fits and nothing runs would be a run that never ends.
            const done = running.shift();
            if (!done) throw new Error('stuck');
            pool.giveBack(done);
          }
        }
        expect(pool.hasRoomFor(capacity)).toBe(true);
      }),
    );
  });
});

describe('after a failure', () => {
  const branches = `
    const bad = stage('bad', async () => { throw new Error('no'); });
    const next = stage('next', async () => ({}), { inputs: { from: Anything } });
    const one = kept({ n: 1 });
    return { bad: bad({}), needing: next({ from: bad({}) }), gated: stage('gated', async () => ({}))({ gates: [atLeast(one, 'n', 2)] }), aside: next({ from: next({ from: one }) }) };`;

  it('nothing more is begun', async () => {
    const end = await ownStages(branches).run('run', '--concurrency', '1');
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('[aside] not begun');
  });

  it.each(['--keep-going', '-k'])(
    '%s begins all that does not depend on it, and the failure counts more than the refusal',
    async (flag) => {
      const rig = ownStages(branches);
      const end = await rig.run('run', flag, '--concurrency', '1');
      expect(end.code).toBe(1);
      expect(end.stderr).toContain('[aside] done');
      expect(end.stderr).toContain('[needing] skipped');
      expect(end.stderr).toMatch(/\[gated\] FAILED: MF4001/);
      expect(end.stderr.indexOf('error MF3001')).toBeLessThan(end.stderr.indexOf('error MF4001'));
    },
  );

  it('Ctrl-C still ends a run that keeps going', async () => {
    const rig = ownStages(`
      const slow = stage('slow', async ({ signal }) => { console.log('here'); await pause(60_000, undefined, { signal }); return {}; })({});
      return { slow, later: stage('later', async () => ({}))({}) };`);
    const run = rig.start(['run', '-k', '--concurrency', '1']);
    await run.says('here');
    run.child.kill('SIGINT');
    const end = await run.finished;
    expect(end.code).toBe(130);
    expect(end.stderr).toContain('[later] not begun');
  });
});
