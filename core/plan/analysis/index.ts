import type { Analysis } from '../../spec/strategy.ts';
import type { Finding, Phase, Verdict } from '../../spec/verdict.ts';
import { judgeDisagreement } from './disagreement.ts';
import { judgeErrors } from './errors.ts';
import { judgeLatency } from './latency.ts';
import type { Limits } from './measure.ts';

export interface Stretch {
  /** Oldest first; the last one is still going on. */
  readonly phases: readonly Phase[];
  /** The candidate's share of the requests after this step, 0…1: what has to be proven before it gets that much. */
  readonly nextShare: number;
}

/** How often a candidate that is as much worse as is just not tolerated passes a measure of counts, at most. */
const missedHarm = 0.05;

/**
 * What follows from what both have answered so far. It may be asked as often as one likes: a candidate that is no worse is refused in at most
 * `falseAlarm` of all rollouts. The method and its limits: docs/decisions/022.
 */
export function judge({ phases, nextShare }: Stretch, analysis: Analysis): Verdict {
  const judged = measuresOf(phases, analysis);
  const limits: Limits = {
    // Also where not all of them can be judged yet: what is allowed is spent once.
    alarm: Math.log([analysis.errors, analysis.latency, analysis.disagreement].filter(Boolean).length / analysis.falseAlarm),
    proof: -Math.log(missedHarm),
    minRequests: analysis.minRequests,
    nextShare,
  };
  const missing = analysis.minRequests - answersInThisStep(phases);
  const findings = judged.map((measure) => measure(limits)).map((finding) => atLeast(finding, missing));
  const has = (outcome: Finding['outcome']): boolean => findings.some((finding) => finding.outcome === outcome);
  return { outcome: has('fail') ? 'fail' : has('wait') || missing > 0 ? 'wait' : 'pass', findings };
}

type Measure = (limits: Limits) => Finding;

/** Errors and latencies need traffic that is split, or copies of it; answers are compared where copies are sent. */
function measuresOf(phases: readonly Phase[], { errors, latency, disagreement }: Analysis): readonly Measure[] {
  const isSplit = phases.some(({ share }) => share > 0 && share < 1);
  const isMirrored = phases.some(({ mirrorShare }) => mirrorShare > 0);
  return [
    ...(errors && (isSplit || isMirrored) ? [(limits: Limits) => judgeErrors(phases, errors.tolerate, limits)] : []),
    ...(latency && (isSplit || isMirrored) ? [(limits: Limits) => judgeLatency(phases, latency, limits)] : []),
    ...(disagreement && isMirrored ? [(limits: Limits) => judgeDisagreement(phases, disagreement.atMost, limits)] : []),
  ];
}

/** A step may be left off and gone on with: then it is several phases. */
function answersInThisStep(phases: readonly Phase[]): number {
  const last = phases.at(-1);
  const since = phases.findLastIndex(({ share, mirrorShare }) => share !== last?.share || mirrorShare !== last.mirrorShare);
  return phases.slice(since + 1).reduce((sum, { share, candidate, compared }) => sum + (share > 0 ? candidate.requests : compared), 0);
}

function atLeast(finding: Finding, missing: number): Finding {
  if (missing <= 0 || finding.outcome === 'fail') return finding;
  return { ...finding, outcome: 'wait', needs: Math.max(missing, finding.needs ?? 0) };
}
