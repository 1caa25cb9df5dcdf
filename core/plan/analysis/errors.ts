import type { Finding, Phase } from '../../spec/verdict.ts';
import { atLeastProbability, evidenceBelow, evidenceOfMoreEvents } from './evidence.ts';
import { answersUntil, type Limits, percentText, sumOf, toFinding } from './measure.ts';

/** Is a larger share of the candidate's requests failed than of the stable release's? */
export function judgeErrors(phases: readonly Phase[], tolerate: number, limits: Limits): Finding {
  const split = phases.filter(({ share }) => share > 0 && share < 1);
  const candidate = sumOf(split, (phase) => phase.candidate);
  const stable = sumOf(split, (phase) => phase.stable);
  const evidence = evidenceOfMoreEvents(
    split.map(({ share, ...seen }) => ({ share, candidate: seen.candidate.failures, stable: seen.stable.failures })),
  );
  const rise = rate(candidate) - rate(stable);
  // At the next share of the traffic, the rise that the service sees is that share of the candidate's own.
  const bound = atLeastProbability(stable.failures, stable.requests, 0.01) + tolerate / limits.nextShare;
  // Copies that it answered, or failed to, say as much of it as requests do.
  const copiesFailed = phases.reduce((sum, { mirrorFailed }) => sum + mirrorFailed, 0);
  const asked = candidate.requests + copiesFailed + phases.reduce((sum, { compared }) => sum + compared, 0);
  const failed = candidate.failures + copiesFailed;
  const isProven = (more: number): boolean => evidenceBelow(bound, failed * (1 + more / Math.max(1, asked)), asked + more) >= limits.proof;
  const ofCopies = copiesFailed === 0 ? '' : ` and ${copiesFailed} copies`;
  const detail = `${countText('candidate', candidate)}${ofCopies}, ${countText('stable', stable)}`;
  // A tiny rise that is certain is still tolerated.
  const outcome = evidence >= limits.alarm && rise > tolerate ? 'fail' : isProven(0) ? 'pass' : 'wait';
  return toFinding('errors', outcome, evidence, limits, detail, () => answersUntil(isProven));
}

interface Counts {
  readonly requests: number;
  readonly failures: number;
}

function rate({ requests, failures }: Counts): number {
  return requests === 0 ? 0 : failures / requests;
}

function countText(who: string, { requests, failures }: Counts): string {
  return `${who} failed ${failures} of ${requests}${failures === 0 ? '' : ` (${percentText(failures / requests)})`}`;
}
