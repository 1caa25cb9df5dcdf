import type { Release, Want, WantedRelease } from './protocol.ts';

/** Are exactly the wanted releases on record, each with what it is to get? */
export function isAsWanted(live: readonly Release[], { releases }: Want): boolean {
  const isThere = ({ stamp, weight, mirror }: WantedRelease): boolean =>
    live.some((release) => release.stamp === stamp && release.weight === weight && (release.mirror ?? 0) === (mirror ?? 0));
  return releases.length === live.length && releases.every(isThere);
}

/** Is the release to be asked for anything? */
export function isNeeded(stamp: string, { releases }: Want): boolean {
  return releases.some((wanted) => wanted.stamp === stamp && (wanted.weight > 0 || (wanted.mirror ?? 0) > 0));
}

/** What a release gets is new; all else about it stays. */
export function withShare({ mirror: _, ...release }: Release, { weight, mirror }: Pick<WantedRelease, 'weight' | 'mirror'>): Release {
  return { ...release, weight, ...(mirror === undefined ? {} : { mirror }) };
}

/** In words. */
export function shareOf({ weight }: Release, all: readonly Release[]): string {
  const total = all.reduce((sum, release) => sum + release.weight, 0);
  return weight === total ? 'the requests' : `${weight} % of the requests`;
}
