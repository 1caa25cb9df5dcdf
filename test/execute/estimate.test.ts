import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedOf, progressOf, timeOf } from '../../core/plan/estimate.ts';
import { followRun, type RunView } from '../../core/plan/view.ts';
import { plainReporter } from '../../core/report/plain.ts';
import { expectedTime } from '../../core/report/plan-summary.ts';
import type { NewEvent } from '../../core/spec/event.ts';
import type { Plan, Step } from '../../core/spec/plan.ts';

const startMs = Date.parse('2026-03-01T02:00:00.000Z');
const step = (node: string, lastMs: number | undefined, needs: readonly string[] = []): Step => ({
  node,
  stage: 's',
  lastMs,
  needs,
  do: 'run',
  because: [{ why: 'never-ran' }],
  fingerprint: node,
});
const planOf = (steps: readonly Step[]): Plan => ({
  format: 2,
  pipeline: 'p',
  profile: 'default',
  steps,
  gates: [],
  policies: [],
  approvals: [],
});

const begin = (steps: readonly Step[]): NewEvent => ({
  type: 'run-started',
  run: '1',
  pipeline: 'p',
  profile: 'default',
  modelflow: '0',
  plan: planOf(steps),
});
const started = (node: string): NewEvent => ({
  type: 'node-started',
  node,
  stage: 's',
  attempt: 1,
  fingerprint: node,
  parts: { format: 1, stage: 's', version: 1, code: {}, tools: {}, options: {}, inputs: {} },
});
const finished = (node: string): NewEvent => ({
  type: 'node-finished',
  node,
  fingerprint: node,
  digest: 'd'.repeat(64),
  facts: {},
  sizeBytes: 1,
  durationMs: 1,
});

/** What is known at the last of these, each given with its second. */
function at(events: readonly (readonly [number, NewEvent])[]): RunView {
  const follower = followRun();
  for (const [seq, [second, event]] of events.entries())
    follower.add({ ...event, seq, at: new Date(startMs + second * 1000).toISOString() });
  return follower.view;
}

describe('how long a run takes', () => {
  it('is the longest chain when there are cores enough, and the sum when there is one', () => {
    const steps = [step('a', 10_000), step('b', 20_000, ['a']), step('c', 5_000, ['a']), step('d', 1_000, ['b', 'c'])];
    expect(expectedTime(steps, 8)).toBe('about 31 s');
    expect(expectedTime(steps, 1)).toBe('about 36 s');
  });

  it('is only a bound where something never ran, or may be reused', () => {
    expect(expectedTime([step('a', 10_000), step('b', undefined, ['a'])], 2)).toBe('10 s and more');
    expect(expectedTime([step('a', undefined)], 2)).toBe(undefined);
    const later: Step = { node: 'b', stage: 's', lastMs: 20_000, needs: ['a'], do: 'decide-later', after: ['a'] };
    expect(expectedTime([step('a', 10_000), later], 2)).toBe('about 10 s, at most 30 s');
  });

  it('lies between what no schedule can beat and twice that, on any graph', () => {
    const graphs = fc.array(fc.tuple(fc.nat(1_000), fc.array(fc.nat(30), { maxLength: 3 })), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(graphs, fc.integer({ min: 1, max: 6 }), (rows, cores) => {
        const pieces = rows.map(([ms, needs], index) => ({
          name: `n${index}`,
          ms,
          needs: needs.filter((each) => each < index).map((each) => `n${each}`),
        }));
        const total = pieces.reduce((sum, piece) => sum + piece.ms, 0);
        const chain = timeOf(pieces, pieces.length);
        const least = Math.max(chain, total / cores);
        const found = timeOf(pieces, cores);
        expect(found).toBeGreaterThanOrEqual(least - 1e-6);
        expect(found).toBeLessThanOrEqual(total / cores + chain + 1e-6);
      }),
    );
  });

  it('is told of ten thousand steps in time in proportion', () => {
    const wide = Array.from({ length: 10_000 }, (_, index) => step(`n${index}`, 1, index === 0 ? [] : ['n0']));
    expect(expectedOf(wide, 4).leastMs).toBe(1 + Math.ceil(9_999 / 4));
  });
});

describe('how far a run is', () => {
  const steps = [step('a', 10_000), step('b', 20_000, ['a']), step('c', 20_000, ['a'])];

  it('is told in time, from how long everything took the last time', () => {
    const view = at([
      [0, begin(steps)],
      [0, started('a')],
      [10, finished('a')],
      [10, started('b')],
      [10, started('c')],
    ]);
    expect(progressOf(view, startMs + 20_000, 2)).toEqual({ done: 1, all: 3, fraction: 2 / 3, leftMs: 10_000 });
  });

  it('counts what a stage says of itself more than the last time', () => {
    const view = at([
      [0, begin(steps)],
      [0, started('a')],
      [5, { type: 'node-progress', node: 'a', fraction: 0.25, doing: '' }],
    ]);
    expect(progressOf(view, startMs + 5_000, 2).leftMs).toBe(35_000);
  });

  it.each([
    ['something never ran', [step('a', 10_000), step('z', undefined)]],
    ['something takes longer than it did', [step('a', 1_000), step('z', 1_000)]],
  ])('is only counted when %s', (_, given) => {
    const view = at([
      [0, begin(given)],
      [0, started('a')],
    ]);
    expect(progressOf(view, startMs + 5_000, 2)).toEqual({ done: 0, all: 2, fraction: undefined, leftMs: undefined });
  });

  it('is a line of the plain output now and then, and none when all is done', () => {
    let text = '';
    const reporter = plainReporter({ write: (piece) => (text += piece) }, { cores: 1 });
    const events: readonly (readonly [number, NewEvent])[] = [
      [0, begin(steps)],
      [0, started('a')],
      [10, finished('a')],
      [10, started('b')],
      [15, finished('b')],
      [15, started('c')],
      [50, finished('c')],
    ];
    for (const [seq, [second, event]] of events.entries())
      reporter.event({ ...event, seq, at: new Date(startMs + second * 1000).toISOString() });
    expect(text.split('\n').filter((line) => line.startsWith('run: '))).toEqual(['run: 1 of 3 done, 20 %, about 40 s left']);
  });
});
