import type { Phase, Seen } from '../spec/verdict.ts';

/** What one look added to a phase. */
export interface Recent {
  readonly atMs: number;
  readonly before: Phase;
  readonly after: Phase;
}

const windowMs = 10_000;
/** Of fewer answers nothing is said without statistics. */
const fewestAnswers = 10;

/** The looks of the last seconds. */
export function withRecent(recent: readonly Recent[], look: Recent): readonly Recent[] {
  return [...recent.filter(({ atMs }) => look.atMs - atMs < windowMs), look];
}

/** Most of what the candidate answered just now are failures, and the release before answers better: nobody waits for statistics then. */
export function failingNow(recent: readonly Recent[]): string | undefined {
  const sum = (of: (phase: Phase) => number): number => recent.reduce((total, { before, after }) => total + of(after) - of(before), 0);
  const asked = sum(({ candidate, compared, mirrorFailed }) => candidate.requests + compared + mirrorFailed);
  const stableAsked = sum(({ stable }) => stable.requests);
  // 4xx may be the clients' fault: they count where the release before got requests as well.
  const bad = ({ failures, refusals = 0 }: Seen): number => failures + (stableAsked > 0 ? refusals : 0);
  const failed = sum(({ candidate, mirrorFailed }) => bad(candidate) + mirrorFailed);
  if (asked < fewestAnswers || failed * 2 < asked) return undefined;
  const stableFailed = sum(({ stable }) => bad(stable));
  if (stableAsked > 0 && failed / asked < 2 * (stableFailed / stableAsked)) return undefined;
  return `${failed} of the last ${asked} answers of the new release were failures or refusals`;
}
