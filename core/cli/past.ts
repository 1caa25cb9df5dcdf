import { foldHistory, type History } from '../plan/history.ts';
import type { Runs } from '../store/journal.ts';

/** Older runs no longer explain a plan; what they released and what was refused counts for good. */
export const runsLookedAt = 100;

export function pastOf(runs: Pick<Runs, 'ids' | 'events' | 'releases'>): History {
  const ids = runs.ids();
  return foldHistory([...ids.slice(0, -runsLookedAt).map(runs.releases), ...ids.slice(-runsLookedAt).map(runs.events)]);
}
