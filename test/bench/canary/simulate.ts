// How often is a bad release stopped, how soon, and how often a good one? `node test/bench/canary/simulate.ts [RELEASES]` (200 a case).
// The same made-up traffic for our sequential analysis and for the rules that others ship: Flagger's thresholds (99 % success, p99 500 ms, five
// failed checks, weight +10 a minute) and Kayenta's (Mann-Whitney on the minutes of an hour at one share, 98 % confidence, tolerance 0.25).
import { canary } from '../../../core/index.ts';
import { judge } from '../../../core/plan/analysis/index.ts';
import { type Behaviour, newSplit, oneRequest, randomFrom, type Split } from '../../support/traffic.ts';

const releases = Number(process.argv[2] ?? 200);
const usual: Behaviour = { failing: 0.001, medianMs: 20, disagreeing: 0.01 };
const shaky: Behaviour = { ...usual, failing: 0.02 };

const cases: readonly { readonly name: string; readonly stable: Behaviour; readonly candidate: Behaviour; readonly isBad: boolean }[] = [
  { name: 'the same again', stable: usual, candidate: usual, isBad: false },
  { name: 'the same, both fail 2 %', stable: shaky, candidate: shaky, isBad: false },
  { name: 'retrained, 4 % other answers', stable: usual, candidate: { ...usual, disagreeing: 0.04 }, isBad: false },
  { name: 'a tenth slower', stable: usual, candidate: { ...usual, medianMs: 22 }, isBad: false },
  { name: 'wrong weights', stable: usual, candidate: { ...usual, disagreeing: 0.9 }, isBad: true },
  { name: 'fails 2 %', stable: usual, candidate: shaky, isBad: true },
  { name: 'fails 10 %', stable: usual, candidate: { ...usual, failing: 0.1 }, isBad: true },
  { name: 'twice as slow', stable: usual, candidate: { ...usual, medianMs: 40 }, isBad: true },
  { name: 'half slower', stable: usual, candidate: { ...usual, medianMs: 30 }, isBad: true },
];

interface End {
  readonly outcome: 'promoted' | 'stopped' | 'inconclusive';
  readonly requests: number;
  /** That users sent and the candidate answered. */
  readonly byCandidate: number;
  readonly minutes: number;
}

type Rule = (stable: Behaviour, candidate: Behaviour, perMinute: number, random: () => number) => End;

const given = canary();
if (given.strategy !== 'canary') throw new Error('a canary is a canary');
const { steps, mirror, analysis } = given;

const ours: Rule = (stable, candidate, perMinute, random) => {
  const phases: Split[] = [];
  const end = (outcome: End['outcome'], ticks: number): End => ({ outcome, ...totalOf(phases), minutes: ticks / ticksPerMinute });
  const ticksPerMinute = 60_000 / analysis.intervalMs;
  let ticks = 0;
  for (const [at, percent] of steps.entries()) {
    const phase = newSplit(percent / 100, mirror / 100);
    phases.push(phase);
    const until = ticks + (analysis.maxWaitMs / 60_000) * ticksPerMinute;
    for (;;) {
      ticks++;
      for (let left = arrivals(perMinute / ticksPerMinute, random); left > 0; left--) oneRequest(phase, stable, candidate, random);
      const { outcome } = judge({ phases, nextShare: (steps[at + 1] ?? 100) / 100 }, analysis);
      if (outcome === 'fail') return end('stopped', ticks);
      if (outcome === 'pass') break;
      if (ticks >= until) return end('inconclusive', ticks);
    }
  }
  return end('promoted', ticks);
};

const flagger: Rule = (stable, candidate, perMinute, random) => {
  const phases: Split[] = [];
  let failedChecks = 0;
  for (let minutes = 1, weight = 10; ; minutes++) {
    const phase = newSplit(weight / 100, 0);
    phases.push(phase);
    const took: number[] = [];
    for (let left = arrivals(perMinute, random); left > 0; left--) {
      const before = phase.candidate.requests;
      const ms = oneRequest(phase, stable, candidate, random);
      if (phase.candidate.requests > before) took.push(ms);
    }
    const { requests, failures } = phase.candidate;
    const isWell = requests > 0 && 1 - failures / requests >= 0.99 && quantile(took, 0.99) <= 500;
    if (isWell) weight += 10;
    else failedChecks++;
    if (failedChecks >= 5) return { outcome: 'stopped', ...totalOf(phases), minutes };
    if (weight > 50) return { outcome: 'promoted', ...totalOf(phases), minutes };
  }
};

const kayenta: Rule = (stable, candidate, perMinute, random) => {
  const minutes = 60;
  const [failing, slow]: [number[][], number[][]] = [
    [[], []],
    [[], []],
  ];
  const phases: Split[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    const phase = newSplit(0.1, 0);
    phases.push(phase);
    const took: [number[], number[]] = [[], []];
    for (let left = arrivals(perMinute, random); left > 0; left--) {
      const before = phase.candidate.requests;
      const ms = oneRequest(phase, stable, candidate, random);
      took[phase.candidate.requests > before ? 0 : 1].push(ms);
    }
    for (const [at, seen] of [phase.candidate, phase.stable].entries()) {
      if (seen.requests === 0) continue;
      failing[at]?.push(seen.failures / seen.requests);
      slow[at]?.push((took[at] ?? []).reduce((sum, each) => sum + each, 0) / seen.requests);
    }
  }
  const isHigh = [failing, slow].some(([a = [], b = []]) => isSignificantlyHigher(a, b));
  return { outcome: isHigh ? 'stopped' : 'promoted', ...totalOf(phases), minutes };
};

/** Mann-Whitney by its normal approximation with ties, after moving the candidate down by a quarter of the shift between the two. */
function isSignificantlyHigher(candidate: readonly number[], stable: readonly number[]): boolean {
  const shifts = candidate.flatMap((a) => stable.map((b) => a - b)).sort((a, b) => a - b);
  const shift = shifts[Math.floor(shifts.length / 2)] ?? 0;
  if (shift <= 0) return false;
  const moved = candidate.map((each) => each - 0.25 * shift);
  const [n, m] = [moved.length, stable.length];
  const u = moved.reduce((sum, a) => sum + stable.reduce((each, b) => each + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0);
  const ties = new Map<number, number>();
  for (const each of [...moved, ...stable]) ties.set(each, (ties.get(each) ?? 0) + 1);
  const tied = [...ties.values()].reduce((sum, t) => sum + t ** 3 - t, 0);
  const sigma = Math.sqrt(((n * m) / 12) * (n + m + 1 - tied / ((n + m) * (n + m - 1))));
  return sigma > 0 && (u - (n * m) / 2) / sigma > 2.326;
}

function totalOf(phases: readonly Split[]): { readonly requests: number; readonly byCandidate: number } {
  const byCandidate = phases.reduce((sum, { candidate }) => sum + candidate.requests, 0);
  return { requests: byCandidate + phases.reduce((sum, { stable }) => sum + stable.requests, 0), byCandidate };
}

/** Poisson: by the product of numbers for a few, by the normal distribution for many. */
function arrivals(mean: number, random: () => number): number {
  if (mean > 50) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  let count = -1;
  for (let product = 1; product > Math.exp(-mean); count++) product *= random();
  return count;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}

function median(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : quantile(values, 0.5);
}

function percent(count: number): string {
  return `${((100 * count) / releases).toFixed(1).padStart(5)} %`;
}

console.log(
  `${releases} releases a case; canary ${steps.join(' → ')} → 100 %, copies of ${mirror} %, false alarm ≤ ${analysis.falseAlarm * 100} %`,
);
for (const perMinute of [60, 600, 6000]) {
  console.log(`\n${perMinute} requests a minute`);
  console.log('case                            rule       stopped promoted   neither  requests until stopped (by the candidate)  minutes');
  for (const { name, stable, candidate, isBad } of cases) {
    for (const [rule, run] of Object.entries({ modelflow: ours, flagger, kayenta })) {
      // An hour of heavy traffic is a lot to make up, and says no more than a tenth of the releases do.
      const count = rule === 'kayenta' && perMinute > 600 ? 0 : releases;
      if (count === 0) continue;
      const ends = Array.from({ length: count }, (_, at) => run(stable, candidate, perMinute, randomFrom(1_000 * at + perMinute)));
      const stopped = ends.filter(({ outcome }) => outcome === 'stopped');
      const promoted = ends.filter(({ outcome }) => outcome === 'promoted');
      const soon = median(stopped.map((end) => end.requests));
      const by = median(stopped.map((end) => end.byCandidate));
      const minutes = median((isBad ? stopped : promoted).map((end) => end.minutes));
      console.log(
        [
          (isBad ? `BAD  ${name}` : `good ${name}`).padEnd(32),
          rule.padEnd(10),
          percent(stopped.length),
          percent(promoted.length),
          ` ${percent(count - stopped.length - promoted.length)}`,
          (soon === undefined ? '-' : `${soon} (${by})`).padStart(20),
          (minutes === undefined ? '-' : minutes.toFixed(1)).padStart(22),
        ].join(' '),
      );
    }
  }
}
