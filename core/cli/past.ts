import { foldHistory, type History } from '../plan/history.ts';
import type { RunEvent } from '../spec/event.ts';
import type { Runs } from '../store/journal.ts';

/** Older runs no longer explain a plan; what they released and what was refused counts for good. */
export const runsLookedAt = 100;
/** A pipeline of thousands of stages says all there is to know of it in its last run or two. */
const eventsLookedAt = 10_000;

export function pastOf(runs: Pick<Runs, 'ids' | 'events' | 'releases'>): History {
  const ids = runs.ids();
  const whole: (readonly RunEvent[])[] = [];
  let events = 0;
  while (whole.length < Math.min(runsLookedAt, ids.length) && events < eventsLookedAt) {
    const newest = runs.events(ids[ids.length - 1 - whole.length] as string);
    whole.push(newest);
    events += newest.length;
  }
  return foldHistory([...ids.slice(0, ids.length - whole.length).map(runs.releases), ...whole.reverse()]);
}
