import type { RunEvent } from '../spec/event.ts';

/**
 * The facts of each node at the last run that counts: one that released something which was not refused since,
 * or, where nothing is deployed, one that came to its end. `runs`: the oldest run first.
 */
export function factsAtLastRelease(
  runs: Iterable<readonly RunEvent[]>,
  deploys: boolean,
  refused: ReadonlyMap<string, string>,
): ReadonlyMap<string, unknown> {
  const counts = (event: RunEvent): boolean =>
    deploys ? event.type === 'released' && !refused.has(event.release.stamp) : event.type === 'run-ended' && event.outcome === 'ok';
  const facts = new Map<string, unknown>();
  for (const events of runs) {
    if (!events.some(counts)) continue;
    for (const event of events) if (event.type === 'node-finished' || event.type === 'node-reused') facts.set(event.node, event.facts);
  }
  return facts;
}
