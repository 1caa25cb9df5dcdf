import type { Change, LiveService, Revision } from '../spec/target.ts';
import { differences, withoutSecrets } from './difference.ts';
import type { Settled } from './history.ts';

/**
 * How a live service differs from what was released last, by something else than modelflow: `before` as released, `after` as it is.
 * Nothing where nothing was released, or where a killed run may have got as far as that itself.
 */
export function driftOf(live: LiveService, settled: Settled | undefined): readonly Change[] {
  if (settled?.release === undefined) return [];
  const { release, intended } = settled;
  const serving = servingOf(live);
  if (serving === undefined) return [{ path: 'release', before: release.stamp.slice(0, 12), after: undefined }];
  if (intended !== undefined && (serving.stamp === intended || live.revisions.length > 1)) return [];
  if (serving.stamp !== release.stamp)
    return [{ path: 'release', before: release.stamp.slice(0, 12), after: serving.stamp?.slice(0, 12) ?? 'made by something else' }];
  const isWell = serving.health === 'ready' || serving.health === 'starting';
  const health = isWell ? [] : [{ path: 'health', before: 'ready', after: serving.health }];
  // Both as the target itself says them: it may put what it was given in other words, or no longer know.
  const isSaid = Object.keys(live.settings).length > 0;
  const said = isSaid && settled.live && withoutSecrets(settled.live, release.settings);
  const settings = said ? differences('settings', said, withoutSecrets(live.settings, release.settings)) : [];
  return [...settings, ...(live.drift ?? []), ...health];
}

/** The revision that most users get. */
export function servingOf({ revisions }: LiveService): Revision | undefined {
  return revisions.toSorted((one, other) => other.weight - one.weight)[0];
}
