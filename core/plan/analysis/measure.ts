import type { Finding, Seen } from '../../spec/verdict.ts';

/** What evidence has to reach; both are logarithms. */
export interface Limits {
  /** Of harm: the false alarms that are allowed are shared among the measures. */
  readonly alarm: number;
  /** Of harmlessness. */
  readonly proof: number;
  readonly minRequests: number;
  /** The candidate's share of the requests after this step. */
  readonly nextShare: number;
}

/** Beyond this, the size of the evidence says nothing more, and JSON could not hold it. */
const largest = 1e12;

export function toFinding(
  measure: Finding['measure'],
  outcome: Finding['outcome'],
  evidence: number,
  limits: Limits,
  detail: string,
  needs: () => number | undefined,
): Finding {
  return {
    measure,
    outcome,
    evidence: Math.min(largest, Math.exp(evidence)),
    limit: Math.exp(limits.alarm),
    detail,
    needs: outcome === 'wait' ? needs() : undefined,
  };
}

/** How many more answers like those so far a proof needs; undefined when more of the same proves nothing. */
export function answersUntil(isProven: (more: number) => boolean): number | undefined {
  let high = 1;
  while (!isProven(high)) {
    high *= 2;
    if (high > 1 << 24) return undefined;
  }
  let low = high / 2;
  while (high - low > Math.max(1, high / 50)) {
    const middle = Math.floor((low + high) / 2);
    if (isProven(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Of several phases together. */
export function sumOf<T>(phases: readonly T[], of: (phase: T) => Seen): Required<Seen> {
  return phases.map(of).reduce<Required<Seen>>(
    (sum, each) => ({
      requests: sum.requests + each.requests,
      failures: sum.failures + each.failures,
      refusals: sum.refusals + (each.refusals ?? 0),
      latencies: each.latencies.map((count, at) => count + (sum.latencies[at] ?? 0)),
    }),
    { requests: 0, failures: 0, refusals: 0, latencies: [] },
  );
}

export function percentText(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}
