/** The same bounds as `latencyBoundsMs` of core/spec/traffic.ts: this folder is shipped alone, and a test holds them equal. */
export const latencyBoundsMs: readonly number[] = Array.from({ length: 54 }, (_, at) => 0.25 * 1.25 ** at);

/** Revisions and pairs that are remembered after they left the table: their number must not grow with the years. */
const mostRemembered = 20;

/** What one revision answered to users; see `RevisionTraffic` of core/spec. */
export class RevisionCounts {
  readonly stamp: string;
  requests = 0;
  failures = 0;
  refusals = 0;
  readonly latencies = latencyBoundsMs.map(() => 0).concat(0);

  constructor(stamp: string) {
    this.stamp = stamp;
  }
}

/** What came of the copies that one revision got of what another one answered; see `ComparedTraffic` of core/spec. */
export class ComparisonCounts {
  readonly stable: string;
  readonly candidate: string;
  compared = 0;
  disagreed = 0;
  failed = 0;
  shed = 0;
  readonly latencies = latencyBoundsMs.map(() => 0).concat(0);

  constructor(stable: string, candidate: string) {
    this.stable = stable;
    this.candidate = candidate;
  }
}

/** What the router has counted since it began. It is read as JSON in the shape of a `TrafficSource` of core/spec. */
export class Counts {
  readonly #revisions = new Map<string, RevisionCounts>();
  readonly #comparisons = new Map<string, ComparisonCounts>();
  /** Requests that nobody could answer, and further tries for those that somebody did. */
  unanswered = 0;
  retries = 0;

  of(stamp: string): RevisionCounts {
    return madeOnce(this.#revisions, stamp, () => new RevisionCounts(stamp));
  }

  between(stable: string, candidate: string): ComparisonCounts {
    return madeOnce(this.#comparisons, `${stable} ${candidate}`, () => new ComparisonCounts(stable, candidate));
  }

  /** Forgets the oldest of those that are no longer in the table. */
  keepOnly(stamps: ReadonlySet<string>): void {
    forgetOldest(this.#revisions, ({ stamp }) => stamps.has(stamp));
    forgetOldest(this.#comparisons, ({ stable, candidate }) => stamps.has(stable) && stamps.has(candidate));
  }

  get revisions(): readonly RevisionCounts[] {
    return [...this.#revisions.values()];
  }

  get comparisons(): readonly ComparisonCounts[] {
    return [...this.#comparisons.values()];
  }
}

/** Counts an answer in its bucket. */
export function countLatency(latencies: number[], tookMs: number): void {
  const exact = Math.ceil(Math.log(Math.max(tookMs, 0.25) / 0.25) / Math.log(1.25) - 1e-9);
  const bucket = Math.min(exact, latencies.length - 1);
  latencies[bucket] = (latencies[bucket] ?? 0) + 1;
}

function madeOnce<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

function forgetOldest<T>(map: Map<string, T>, isNeeded: (each: T) => boolean): void {
  const others = [...map].filter(([, each]) => !isNeeded(each));
  for (const [key] of others.slice(0, Math.max(0, others.length - mostRemembered))) map.delete(key);
}
