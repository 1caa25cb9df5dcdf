import { latencyBoundsMs, latencyStep } from '../../spec/traffic.ts';
import type { Finding, Phase } from '../../spec/verdict.ts';
import { type Events, evidenceOfMoreEvents, mixed } from './evidence.ts';
import { type Limits, sumOf, toFinding } from './measure.ts';

/**
 * Does the candidate take longer than the stable release would if all of its answers were stretched by the tolerance? At every bound of the
 * buckets: are the candidate's answers slower than the stretched bound more often than the stable ones are slower than the bound?
 */
export function judgeLatency(
  phases: readonly Phase[],
  { tolerate, ignoreBelowMs }: { readonly tolerate: number; readonly ignoreBelowMs: number },
  limits: Limits,
): Finding {
  const steps = Math.max(1, Math.ceil(Math.log1p(tolerate) / Math.log(latencyStep) - 1e-9));
  const compared = phases.flatMap(comparedLatencies);
  const candidate = total(compared.map((each) => each.candidate));
  const stable = total(compared.map((each) => each.stable));
  const bounds = latencyBoundsMs.flatMap((bound, at) => (bound >= ignoreBelowMs && at + steps < latencyBoundsMs.length ? [at] : []));
  const evidence = mixed(bounds.map((at) => evidenceOfMoreEvents(compared.map((each) => slowerThan(each, at, steps)))));
  const [count, beside] = [sum(candidate), sum(stable)];
  const isAsQuick = [0.5, 0.9].every((part) => {
    const at = bucketOf(candidate, part);
    return (
      at <= bucketOf(stable, part) + steps || (latencyBoundsMs[at] ?? Number.POSITIVE_INFINITY) <= ignoreBelowMs * latencyStep ** steps
    );
  });
  const hasEnough = count >= limits.minRequests && beside > 0;
  const detail =
    count === 0 || beside === 0
      ? 'nothing to compare yet'
      : `candidate p50 ${textOf(candidate, 0.5)}, p90 ${textOf(candidate, 0.9)}; stable p50 ${textOf(stable, 0.5)}, p90 ${textOf(stable, 0.9)}`;
  const outcome = evidence >= limits.alarm ? 'fail' : hasEnough && isAsQuick ? 'pass' : 'wait';
  return toFinding('latency', outcome, evidence, limits, detail, () => (hasEnough ? undefined : limits.minRequests - count));
}

interface Latencies {
  readonly share: number;
  readonly candidate: readonly number[];
  readonly stable: readonly number[];
}

/** Where the candidate only got copies, an answer is the copy's with the probability m/(1+m): every request has one by the stable release as well. */
function comparedLatencies({ share, stable, candidate, mirrorShare, mirrorLatencies }: Phase): readonly Latencies[] {
  if (share > 0 && share < 1) return [{ share, candidate: candidate.latencies, stable: stable.latencies }];
  if (mirrorShare === 0) return [];
  return [{ share: mirrorShare / (1 + mirrorShare), candidate: mirrorLatencies, stable: stable.latencies }];
}

function slowerThan({ share, candidate, stable }: Latencies, at: number, steps: number): Events {
  return { share, candidate: sum(candidate.slice(at + steps + 1)), stable: sum(stable.slice(at + 1)) };
}

function total(lists: readonly (readonly number[])[]): readonly number[] {
  return sumOf(
    lists.map((latencies) => ({ requests: 0, failures: 0, latencies })),
    (each) => each,
  ).latencies;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, each) => all + each, 0);
}

/** The bucket that holds the answer below which this part of all is. */
function bucketOf(counts: readonly number[], part: number): number {
  const wanted = part * sum(counts);
  let below = 0;
  return counts.findIndex((count) => {
    below += count;
    return below >= wanted && below > 0;
  });
}

function textOf(counts: readonly number[], part: number): string {
  const bound = latencyBoundsMs[bucketOf(counts, part)];
  if (bound === undefined) return `over ${Math.round(latencyBoundsMs.at(-1) ?? 0)} ms`;
  return `≤ ${bound < 10 ? bound.toFixed(1) : Math.round(bound)} ms`;
}
