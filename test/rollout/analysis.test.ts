import { describe, expect, it } from 'vitest';
import { Analysis, latencyBoundsMs, type Phase, type Seen, type TrafficReport, type TrafficSource } from '../../core/index.ts';
import { judge } from '../../core/plan/analysis/index.ts';
import { emptyPhase, withAbsent, withCounted } from '../../core/plan/traffic.ts';
import { type Behaviour, newSplit, oneRequest, randomFrom, type Split } from '../support/traffic.ts';

const usual: Behaviour = { failing: 0.001, medianMs: 20, disagreeing: 0.01 };
const analysis = Analysis.parse({});

interface End {
  readonly outcome: 'pass' | 'fail' | 'wait';
  readonly requests: number;
}

/** Looks after every ten requests, which is when repeated looking does the most harm to a test that is not made for it. */
function watched(
  seed: number,
  stable: Behaviour,
  candidate: Behaviour,
  given: { requests: number; more?: object; share?: number; mirror?: number },
): End {
  const random = randomFrom(seed);
  const phase = newSplit(given.share ?? 0.25, given.mirror ?? 0.1);
  const settings = Analysis.parse({ ...given.more });
  for (let requests = 1; requests <= given.requests; requests++) {
    oneRequest(phase, stable, candidate, random);
    if (requests % 10 !== 0) continue;
    // Only harm is looked for: passing would end the looking.
    if (judge({ phases: [phase], nextShare: 1 }, settings).outcome === 'fail') return { outcome: 'fail', requests };
  }
  return { outcome: judge({ phases: [phase], nextShare: 1 }, settings).outcome, requests: given.requests };
}

const seeds = Array.from({ length: 200 }, (_, seed) => seed + 1);
const failed = (ends: readonly End[]): number => ends.filter(({ outcome }) => outcome === 'fail').length;

describe('what a release is judged by', () => {
  it.each([
    ['that hardly fails', usual],
    ['that fails 2 % like the one before', { ...usual, failing: 0.02 }],
    ['that is slow like the one before', { ...usual, medianMs: 400 }],
  ])('a release %s is refused in fewer than one of twenty rollouts, however often one looks', (_, behaviour) => {
    const ends = seeds.map((seed) => watched(seed, behaviour, behaviour, { requests: 1_500 }));
    // 5 % are allowed; of 200, 22 would be more than chance explains (one in ten thousand).
    expect(failed(ends)).toBeLessThan(22);
  });

  it('nor is one that both suffer with, when the failures come and go', () => {
    const ends = seeds.map((seed) => {
      const random = randomFrom(seed);
      const phase = newSplit(0.25, 0);
      for (let requests = 1; requests <= 1_500; requests++) {
        const weather = { ...usual, failing: requests % 500 < 100 ? 0.3 : 0 };
        oneRequest(phase, weather, weather, random);
        if (requests % 10 === 0 && judge({ phases: [phase], nextShare: 1 }, analysis).outcome === 'fail')
          return { outcome: 'fail' as const, requests };
      }
      return { outcome: 'wait' as const, requests: 1_500 };
    });
    expect(failed(ends)).toBeLessThan(22);
  });

  it.each([
    ['answers with wrong weights', { ...usual, disagreeing: 0.9 }, 200],
    ['fails a tenth of the requests', { ...usual, failing: 0.1 }, 1_000],
    ['fails 3 % of the requests', { ...usual, failing: 0.03 }, 6_000],
    ['takes twice as long', { ...usual, medianMs: 40 }, 1_000],
  ])('a release that %s is refused', (_, candidate, requests) => {
    const ends = seeds.slice(0, 50).map((seed) => watched(seed, usual, candidate, { requests }));
    expect(failed(ends)).toBe(50);
  });

  it('a release that is no worse passes, and the needs that are told come down to nothing', () => {
    const random = randomFrom(7);
    const phase = newSplit(0.5, 0.1);
    const told: number[] = [];
    let passedAfter: number | undefined;
    for (let requests = 1; requests <= 3_000 && passedAfter === undefined; requests++) {
      oneRequest(phase, usual, { ...usual, failing: 0 }, random);
      const verdict = judge({ phases: [phase], nextShare: 1 }, analysis);
      expect(verdict.outcome).not.toBe('fail');
      told.push(Math.max(0, ...verdict.findings.map(({ needs }) => needs ?? 0)));
      if (verdict.outcome === 'pass') passedAfter = requests;
    }
    expect(passedAfter).toBeDefined();
    expect(told.at(-1)).toBe(0);
    expect(told[20]).toBeGreaterThan(told.at(-20) ?? 0);
  });

  it('a release that would harm as much as is just not tolerated passes in fewer than one of ten rollouts', () => {
    const ends = seeds.map((seed) => {
      const random = randomFrom(seed);
      const phase = newSplit(0.5, 0);
      for (let requests = 1; requests <= 3_000; requests++) {
        oneRequest(phase, { ...usual, failing: 0 }, { ...usual, failing: 0.01 }, random);
        if (requests % 20 !== 0) continue;
        const { outcome } = judge({ phases: [phase], nextShare: 1 }, analysis);
        if (outcome !== 'wait') return { outcome, requests };
      }
      return { outcome: 'wait' as const, requests: 3_000 };
    });
    expect(ends.filter(({ outcome }) => outcome === 'pass').length).toBeLessThan(20);
  });
});

const none: Seen = { requests: 0, failures: 0, latencies: latencyBoundsMs.map(() => 0).concat(0) };

function phaseOf(more: Partial<Split>): Phase {
  return { ...newSplit(0.5, 0), ...more };
}

describe('verdicts', () => {
  it('wait for traffic, and say for how much', () => {
    const verdict = judge({ phases: [newSplit(0.05, 0.1)], nextShare: 0.25 }, analysis);
    expect(verdict.outcome).toBe('wait');
    expect(verdict.findings.map(({ measure, outcome }) => `${measure} ${outcome}`)).toEqual([
      'errors wait',
      'latency wait',
      'disagreement wait',
    ]);
    for (const { needs } of verdict.findings) expect(needs).toBeGreaterThan(0);
  });

  it('ask for less before a small share than before everything', () => {
    const phase = phaseOf({
      candidate: { ...none, requests: 150, latencies: [...none.latencies] },
      stable: { ...none, requests: 3_000, latencies: [...none.latencies] },
    });
    const errorsAt = (nextShare: number) => judge({ phases: [phase], nextShare }, Analysis.parse({ latency: false })).findings[0]?.outcome;
    expect([errorsAt(0.25), errorsAt(1)]).toEqual(['pass', 'wait']);
  });

  it('do not compare answers that were not copied, and judge only what is asked for', () => {
    const measures = (given: object, phase: Phase) =>
      judge({ phases: [phase], nextShare: 1 }, Analysis.parse(given)).findings.map(({ measure }) => measure);
    expect(measures({}, phaseOf({}))).toEqual(['errors', 'latency']);
    expect(measures({}, phaseOf({ share: 0, mirrorShare: 1 }))).toEqual(['errors', 'latency', 'disagreement']);
    expect(measures({ errors: false, latency: false }, phaseOf({ mirrorShare: 0.1 }))).toEqual(['disagreement']);
  });

  it('count copies that are not answered as answered otherwise', () => {
    const verdict = judge({ phases: [phaseOf({ share: 0, mirrorShare: 1, mirrorFailed: 40, compared: 10 })], nextShare: 1 }, analysis);
    expect(verdict.outcome).toBe('fail');
    expect(verdict.findings.at(-1)?.detail).toBe('40 of 50 answered otherwise (80 %), 40 of them not at all');
  });

  it('find a shadow that fails copies, be they few enough to count as other answers', () => {
    const shadow = (compared: number, mirrorFailed: number) =>
      judge({ phases: [phaseOf({ share: 0, mirrorShare: 1, compared, mirrorFailed })], nextShare: 1 }, Analysis.parse({ latency: false }));
    expect(shadow(950, 50).outcome).toBe('fail');
    expect(shadow(950, 50).findings[0]?.detail).toBe('candidate failed 50 of 1000 (5 %) copies');
    expect([shadow(100, 0).outcome, shadow(1_000, 0).outcome]).toEqual(['wait', 'pass']);
  });

  it('find a candidate that refuses what the one before answers, and leave alone what both refuse', () => {
    const refusing = (candidate: number, stable: number) => {
      const seen = (requests: number, refusals: number): Split['stable'] => ({
        ...none,
        requests,
        refusals,
        latencies: [...none.latencies],
      });
      const phase = phaseOf({ share: 0.1, candidate: seen(500, candidate), stable: seen(4_500, stable) });
      return judge({ phases: [phase], nextShare: 0.25 }, Analysis.parse({ latency: false }));
    };
    expect(refusing(500, 0).findings[0]).toMatchObject({
      outcome: 'fail',
      detail: 'candidate failed 0 of 500 and refused 500 (100 %), stable failed 0 of 4500',
    });
    expect(refusing(40, 0).outcome).toBe('fail');
    expect(refusing(150, 1_350).outcome).toBe('pass');
  });

  it('are plain JSON however strong the evidence', () => {
    const phase = phaseOf({ share: 0, mirrorShare: 1, mirrorFailed: 1_000_000 });
    const verdict = judge({ phases: [phase], nextShare: 1 }, analysis);
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
  });

  it('hold over several phases what no phase shows alone', () => {
    const phase = (failures: number) =>
      phaseOf({
        share: 0.1,
        candidate: { ...none, requests: 100, failures, latencies: [...none.latencies] },
        stable: { ...none, requests: 900, latencies: [...none.latencies] },
      });
    const outcome = (phases: readonly Phase[]) => judge({ phases, nextShare: 1 }, Analysis.parse({ latency: false })).outcome;
    expect(outcome([phase(2)])).toBe('wait');
    expect(outcome([phase(2), phase(2), phase(2)])).toBe('fail');
  });
});

describe('what routers have counted', () => {
  const pair = { stable: 'one', candidate: 'two' };
  const source = (name: string, requests: number): TrafficSource => ({
    source: name,
    revisions: [{ stamp: 'two', requests, failures: 0, latencies: none.latencies }],
    comparisons: [],
  });

  it('is counted once, also of one that does not answer for a while', () => {
    const looks = [[source('a', 100), source('b', 1_000)], [source('a', 110)], [source('a', 120), source('b', 1_030)]];
    const known = new Map<string, TrafficSource>();
    const seen = looks.map((sources) => {
      const report = withAbsent({ sources }, known);
      for (const each of report.sources) known.set(each.source, each);
      return report;
    });
    const [first, second, third] = seen as [TrafficReport, TrafficReport, TrafficReport];
    const begun = emptyPhase({ weight: 25, mirror: undefined });
    expect(withCounted(withCounted(begun, first, second, pair), second, third, pair).candidate.requests).toBe(50);
  });
});
