import type { Finding, Phase, Seen } from '../../spec/verdict.ts';
import { atLeastProbability, evidenceAbove, evidenceBelow, evidenceOfMoreEvents, mixed } from './evidence.ts';
import { answersUntil, type Limits, percentText, sumOf, toFinding } from './measure.ts';

/** Is a larger share of the candidate's requests failed, or refused, than of the stable release's? */
export function judgeErrors(phases: readonly Phase[], tolerate: number, limits: Limits): Finding {
  const split = phases.filter(({ share }) => share > 0 && share < 1);
  const candidate = sumOf(split, (phase) => phase.candidate);
  const stable = sumOf(split, (phase) => phase.stable);
  // Copies that it answered, or failed to, say as much of it as requests do.
  const copiesFailed = phases.reduce((sum, { mirrorFailed }) => sum + mirrorFailed, 0);
  const copies = copiesFailed + phases.reduce((sum, { compared }) => sum + compared, 0);
  const isShadow = split.length === 0;
  const evidence = isShadow ? evidenceAbove(tolerate, copiesFailed, copies) : evidenceOfSplit(split);
  const rise = isShadow ? copiesFailed / Math.max(1, copies) : rate(candidate) - rate(stable);
  const moreRefused = rate(candidate, 'refusals') - rate(stable, 'refusals');
  // At the next share of the traffic, the rise that the service sees is that share of the candidate's own.
  const bound = atLeastProbability(stable.failures, stable.requests, 0.01) + tolerate / limits.nextShare;
  const asked = candidate.requests + copies;
  const failed = candidate.failures + copiesFailed;
  const isProven = (more: number): boolean => evidenceBelow(bound, failed * (1 + more / Math.max(1, asked)), asked + more) >= limits.proof;
  const detail = isShadow
    ? `${countText('candidate', { requests: copies, failures: copiesFailed })} copies`
    : `${countText('candidate', candidate)}${copiesFailed === 0 ? '' : ` and ${copiesFailed} copies`}, ${countText('stable', stable)}`;
  // A tiny rise that is certain is still tolerated.
  const isWorse = evidence >= limits.alarm && Math.max(rise, moreRefused) > tolerate;
  const isWell = isProven(0) && moreRefused <= tolerate / limits.nextShare;
  return toFinding('errors', isWorse ? 'fail' : isWell ? 'pass' : 'wait', evidence, limits, detail, () => answersUntil(isProven));
}

/** What part of the evidence is staked on 4xx: few, for a candidate that does not understand the requests refuses nearly all of them. */
const partOfRefusals = 0.1;

function evidenceOfSplit(phases: readonly Phase[]): number {
  const of = (count: (seen: Seen) => number): number =>
    evidenceOfMoreEvents(phases.map(({ share, candidate, stable }) => ({ share, candidate: count(candidate), stable: count(stable) })));
  const staked = (part: number, evidence: number): number => evidence + Math.log(2 * part);
  return mixed([
    staked(
      1 - partOfRefusals,
      of(({ failures }) => failures),
    ),
    staked(
      partOfRefusals,
      of(({ refusals = 0 }) => refusals),
    ),
  ]);
}

interface Counts {
  readonly requests: number;
  readonly failures: number;
  readonly refusals?: number;
}

function rate(counts: Counts, of: 'failures' | 'refusals' = 'failures'): number {
  return counts.requests === 0 ? 0 : (counts[of] ?? 0) / counts.requests;
}

function countText(who: string, counts: Counts): string {
  const { requests, failures, refusals = 0 } = counts;
  const refused = refusals === 0 ? '' : ` and refused ${refusals} (${percentText(rate(counts, 'refusals'))})`;
  return `${who} failed ${failures} of ${requests}${failures === 0 ? '' : ` (${percentText(rate(counts))})`}${refused}`;
}
