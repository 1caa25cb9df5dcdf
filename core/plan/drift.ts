import type { Change, LiveService } from '../spec/target.ts';
import { differences } from './difference.ts';
import type { Settled } from './history.ts';

/**
 * How a live service differs from what was released last, so that somebody else must have changed it: `before` as released, `after` as it is.
 * Nothing where nothing was released, or where a killed run may have got as far as that itself.
 */
export function driftOf(live: LiveService, settled: Settled | undefined): readonly Change[] {
  if (settled?.release === undefined) return [];
  const { release, intended } = settled;
  const serving = live.revisions.find((revision) => revision.weight > 0) ?? live.revisions[0];
  if (serving === undefined) return [{ path: 'release', before: release.stamp.slice(0, 12), after: undefined }];
  if (intended !== undefined && (serving.stamp === intended || live.revisions.length > 1)) return [];
  if (serving.stamp !== release.stamp)
    return [{ path: 'release', before: release.stamp.slice(0, 12), after: serving.stamp?.slice(0, 12) ?? 'made by something else' }];
  // A target that does not say what it runs with says nothing of a change.
  const saysSettings = Object.keys(live.settings).length > 0;
  const health =
    serving.health === 'ready' || serving.health === 'starting' ? [] : [{ path: 'health', before: 'ready', after: serving.health }];
  return [...(saysSettings ? differences('settings', release.settings, live.settings) : []), ...health];
}
