/** From one bound of the latency buckets to the next. Two distributions can then be compared with one of them stretched by a quarter. */
export const latencyStep = 1.25;

/** Upper bounds of the latency buckets in milliseconds, from 0.25 to about 34 000, shared by all who count and all who judge; one more bucket takes what is slower. */
export const latencyBoundsMs: readonly number[] = Array.from({ length: 54 }, (_, at) => 0.25 * latencyStep ** at);

/** What one revision answered to users: counts that only grow. Copies are not among them. */
export interface RevisionTraffic {
  readonly stamp: string;
  readonly requests: number;
  /** Of the requests: answered with 5xx, not in time, or not at all. */
  readonly failures: number;
  /** Of the requests: answered with 4xx. Zero where nobody counts them. */
  readonly refusals?: number;
  /**
   * Answers by how long they took, one count for each of `latencyBoundsMs` and one for what is slower. The first ones of a process that has just
   * begun are left out: what they tell is how it warms up.
   */
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
  /** The copy was not answered, or with an error, where the stable revision answered well. */
  readonly failed: number;
  /** Copies that were not sent, because too many were under way. */
  readonly shed: number;
  /** Of the copies that were answered, as in `RevisionTraffic`. */
  readonly latencies: readonly number[];
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
