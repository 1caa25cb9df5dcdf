import type { Backend } from './backend.ts';
import type { RevisionCounts } from './counts.ts';
import type { RouteRevision } from './table.ts';

/** The latencies of so many first answers of a backend are left out, unless the table says otherwise. */
const usualWarmUpAnswers = 30;

/** A revision of the table as it is at work. */
export interface LiveRevision {
  readonly stamp: string;
  readonly weight: number;
  readonly mirror: number;
  readonly warmUpAnswers: number;
  readonly backends: readonly Backend[];
  readonly counts: RevisionCounts;
}

export function liveRevision(revision: RouteRevision, backendAt: (address: string) => Backend, counts: RevisionCounts): LiveRevision {
  const { stamp, weight, mirror = 0, warmUpAnswers = usualWarmUpAnswers, backends } = revision;
  return { stamp, weight, mirror, warmUpAnswers, backends: [...new Set(backends)].map(backendAt), counts };
}

/** The backend with the least to do that was not tried yet, any of those; one that refused connections just now only when there is no other. */
export function pick({ backends }: LiveRevision, tried: ReadonlySet<Backend>): Backend | undefined {
  const nowMs = performance.now();
  let best: Backend | undefined;
  const from = Math.floor(Math.random() * backends.length);
  for (let step = 0; step < backends.length; step++) {
    const backend = backends[(from + step) % backends.length];
    if (backend === undefined || tried.has(backend)) continue;
    if (best === undefined || costOf(backend, nowMs) < costOf(best, nowMs)) best = backend;
  }
  return best;
}

function costOf(backend: Backend, nowMs: number): number {
  return backend.inFlight + (backend.isOut(nowMs) ? 1e9 : 0);
}
