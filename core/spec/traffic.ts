/** Upper bounds of the latency buckets in milliseconds, shared by all who count and all who judge; one more bucket takes what is slower. */
export const latencyBoundsMs = [
  0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000,
] as const;

/** What one revision answered: counts that only grow. */
export interface RevisionTraffic {
  readonly stamp: string;
  readonly requests: number;
  /** Of the requests: answered with 5xx, not in time, or not at all. */
  readonly failures: number;
  /** Answers by how long they took, one count for each of `latencyBoundsMs` and one for what is slower. */
  readonly latencies: readonly number[];
}

/** Requests that both revisions answered, and how their answers compare. Counts that only grow. */
export interface ComparedTraffic {
  readonly stable: string;
  readonly candidate: string;
  /** Both answered well. */
  readonly compared: number;
  /** Of these: with another label, or with numbers that are further apart than the tolerance. */
  readonly disagreed: number;
  /** The copy was not answered, or with 5xx, where the stable revision answered well. */
  readonly failed: number;
  /** Copies that were not sent, because too many were under way. */
  readonly shed: number;
}

/** What one router has counted since it began. */
export interface TrafficSource {
  /** Another one begins at zero: a router that was started again is another source. */
  readonly source: string;
  readonly revisions: readonly RevisionTraffic[];
  readonly comparisons: readonly ComparedTraffic[];
}

/** What a service answered, counted by whoever splits its traffic. */
export interface TrafficReport {
  readonly sources: readonly TrafficSource[];
}
