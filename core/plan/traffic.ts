import type { RolloutStep } from '../spec/plan.ts';
import { latencyBoundsMs, type RevisionTraffic, type TrafficReport, type TrafficSource } from '../spec/traffic.ts';
import type { Phase, Seen } from '../spec/verdict.ts';

/** The two releases of a rollout, by their stamps. */
export interface Pair {
  readonly stable: string;
  readonly candidate: string;
}

const noLatencies: readonly number[] = new Array<number>(latencyBoundsMs.length + 1).fill(0);
const nothingSeen: Seen = { requests: 0, failures: 0, refusals: 0, latencies: noLatencies };

/** A phase in which nothing was seen yet. */
export function emptyPhase({ weight, mirror }: RolloutStep): Phase {
  return {
    share: weight / 100,
    stable: nothingSeen,
    candidate: nothingSeen,
    mirrorShare: (mirror ?? 0) / 100,
    compared: 0,
    disagreed: 0,
    mirrorFailed: 0,
    mirrorLatencies: noLatencies,
  };
}

/** Only what the two releases answered: what is written down of a look. */
export function ofPair(report: TrafficReport, { stable, candidate }: Pair): TrafficReport {
  return {
    sources: report.sources.map(({ source, revisions, comparisons }) => ({
      source,
      revisions: revisions.filter(({ stamp }) => stamp === stable || stamp === candidate),
      comparisons: comparisons.filter((each) => each.stable === stable && each.candidate === candidate),
    })),
  };
}

/** With those that were seen before and do not answer just now, as they stood: what they count meanwhile is seen when they do again, and once. */
export function withAbsent({ sources }: TrafficReport, known: ReadonlyMap<string, TrafficSource>): TrafficReport {
  const absent = [...known.values()].filter(({ source }) => !sources.some((each) => each.source === source));
  return { sources: [...sources, ...absent] };
}

/** The phase with what was counted between two looks. A source that was not there before began at zero. */
export function withCounted(phase: Phase, before: TrafficReport, now: TrafficReport, pair: Pair): Phase {
  return now.sources.reduce((sum, source) => {
    const last = before.sources.find((each) => each.source === source.source);
    return plus(sum, source, last, pair);
  }, phase);
}

function plus(phase: Phase, now: TrafficSource, before: TrafficSource | undefined, pair: Pair): Phase {
  const compared = (of: 'compared' | 'disagreed' | 'failed'): number => grown(comparison(now, pair)?.[of], comparison(before, pair)?.[of]);
  return {
    ...phase,
    stable: seenMore(phase.stable, revision(now, pair.stable), revision(before, pair.stable)),
    candidate: seenMore(phase.candidate, revision(now, pair.candidate), revision(before, pair.candidate)),
    compared: phase.compared + compared('compared'),
    disagreed: phase.disagreed + compared('disagreed'),
    mirrorFailed: phase.mirrorFailed + compared('failed'),
    mirrorLatencies: moreLatencies(phase.mirrorLatencies, comparison(now, pair), comparison(before, pair)),
  };
}

function seenMore(seen: Seen, now: RevisionTraffic | undefined, before: RevisionTraffic | undefined): Seen {
  return {
    requests: seen.requests + grown(now?.requests, before?.requests),
    failures: seen.failures + grown(now?.failures, before?.failures),
    refusals: (seen.refusals ?? 0) + grown(now?.refusals, before?.refusals),
    latencies: moreLatencies(seen.latencies, now, before),
  };
}

interface Timed {
  readonly latencies: readonly number[];
}

function moreLatencies(counts: readonly number[], now: Timed | undefined, before: Timed | undefined): readonly number[] {
  return counts.map((count, bucket) => count + grown(now?.latencies[bucket], before?.latencies[bucket]));
}

/** Counts only grow: one that shrank was forgotten by its source, and is taken to have begun at zero. */
function grown(now = 0, before = 0): number {
  return now >= before ? now - before : now;
}

function revision(source: TrafficSource | undefined, stamp: string): RevisionTraffic | undefined {
  return source?.revisions.find((each) => each.stamp === stamp);
}

function comparison(source: TrafficSource | undefined, { stable, candidate }: Pair): TrafficSource['comparisons'][number] | undefined {
  return source?.comparisons.find((each) => each.stable === stable && each.candidate === candidate);
}
