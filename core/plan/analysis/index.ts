import type { Analysis } from '../../spec/strategy.ts';
import type { Phase, Verdict } from '../../spec/verdict.ts';

export interface Stretch {
  /** Oldest first; the last one is still going on. */
  readonly phases: readonly Phase[];
  /** The candidate's share of the requests after this step, 0…1: what has to be proven before it gets that much. */
  readonly nextShare: number;
}

/** What follows from what both have answered so far. */
export function judge({ phases }: Stretch, analysis: Analysis): Verdict {
  const answers = phases.reduce((sum, { candidate, compared }) => sum + candidate.requests + compared, 0);
  return { outcome: answers >= analysis.minRequests ? 'pass' : 'wait', findings: [] };
}
