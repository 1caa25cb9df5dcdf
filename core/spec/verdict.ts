/** What one of the two was seen to answer while the traffic was split one way. */
export interface Seen {
  readonly requests: number;
  readonly failures: number;
  /** Answered with 4xx; missing is none. */
  readonly refusals?: number;
  /** One count for each of `latencyBoundsMs`, and one for what is slower. */
  readonly latencies: readonly number[];
}

/** A stretch of a rollout in which the traffic was split in one way. */
export interface Phase {
  /** The candidate's share of the requests, 0…1, as it was assigned; 0 where it only got copies. */
  readonly share: number;
  readonly stable: Seen;
  readonly candidate: Seen;
  /** Share of the requests that the candidate got a copy of, 0…1. */
  readonly mirrorShare: number;
  /** Requests that both answered; see `ComparedTraffic`. */
  readonly compared: number;
  readonly disagreed: number;
  /** Copies that the candidate failed to answer. */
  readonly mirrorFailed: number;
  /** Of the copies, as in `Seen`. */
  readonly mirrorLatencies: readonly number[];
}

/** One measure of the candidate beside the release that serves. */
export interface Finding {
  readonly measure: 'errors' | 'latency' | 'disagreement';
  readonly outcome: 'pass' | 'fail' | 'wait';
  /** E-value against "no worse": how many times better "worse" explains what was seen. It fails from `limit` on. */
  readonly evidence: number;
  readonly limit: number;
  /** In words, with the counts. */
  readonly detail: string;
  /** About how many more answers of the candidate a verdict needs, where that can be told. */
  readonly needs: number | undefined;
}

/** What follows from all phases of a rollout so far: one failure fails, all have to pass to pass. */
export interface Verdict {
  readonly outcome: 'pass' | 'fail' | 'wait';
  readonly findings: readonly Finding[];
}
