import type { Finding, Phase } from '../../spec/verdict.ts';
import { evidenceAbove, evidenceBelow } from './evidence.ts';
import { answersUntil, type Limits, percentText, toFinding } from './measure.ts';

/** Does the candidate answer too many requests otherwise than the stable release, or not at all? */
export function judgeDisagreement(phases: readonly Phase[], atMost: number, limits: Limits): Finding {
  const failed = phases.reduce((sum, { mirrorFailed }) => sum + mirrorFailed, 0);
  const compared = phases.reduce((sum, phase) => sum + phase.compared, 0) + failed;
  const other = phases.reduce((sum, { disagreed }) => sum + disagreed, 0) + failed;
  const rate = compared === 0 ? 0 : other / compared;
  const evidence = evidenceAbove(atMost, other, compared);
  const isProven = (more: number): boolean => evidenceBelow(atMost, other + rate * more, compared + more) >= limits.proof;
  const detail =
    compared === 0
      ? 'no request was compared yet'
      : `${other} of ${compared} answered otherwise (${percentText(rate)})${failed === 0 ? '' : `, ${failed} of them not at all`}`;
  const outcome = evidence >= limits.alarm ? 'fail' : isProven(0) ? 'pass' : 'wait';
  return toFinding('disagreement', outcome, evidence, limits, detail, () => answersUntil(isProven));
}
