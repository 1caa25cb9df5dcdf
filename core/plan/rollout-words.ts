import type { Finding, Phase, Verdict } from '../spec/verdict.ts';

/** `30 min`, `90 s`, `500 ms`. */
export function durationText(ms: number): string {
  if (ms >= 3_600_000 && ms % 1_800_000 === 0) return `${ms / 3_600_000} h`;
  if (ms >= 120_000 && ms % 30_000 === 0) return `${ms / 60_000} min`;
  return ms >= 1_000 ? `${Math.round(ms / 100) / 10} s` : `${ms} ms`;
}

/** One measure in words, with what is still missing. */
export function findingText({ measure, outcome, detail, needs }: Finding): string {
  return `${measure} ${outcome}: ${detail}${needs === undefined ? '' : `, about ${needs} more answers needed`}`;
}

/** Why a verdict refuses. */
export function refusalText(verdict: Verdict | undefined): string {
  const failed = (verdict?.findings ?? []).filter(({ outcome }) => outcome === 'fail');
  return failed.length === 0
    ? 'it is worse than the release before'
    : failed.map(({ measure, detail }) => `${measure}: ${detail}`).join('; ');
}

/** Why there is no verdict. */
export function inconclusiveText(phase: Phase | undefined, verdict: Verdict | undefined): string {
  if (phase === undefined || (phase.candidate.requests === 0 && phase.compared + phase.mirrorFailed === 0))
    return 'the new release got no request to answer; a verdict needs traffic';
  const open = (verdict?.findings ?? []).filter(({ outcome }) => outcome === 'wait');
  return open.length === 0 ? `${phase.candidate.requests} answers are too few` : open.map(findingText).join('; ');
}
