/** What somebody asks of a rollout that another process runs. It counts for one candidate, and once. */
export interface RolloutRequest {
  readonly id: string;
  readonly what: 'promote' | 'abort';
  readonly target: string;
  readonly service: string;
  readonly stamp: string;
  readonly by: string | undefined;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** Requests are left by one process, and taken by the one that runs the rollout. */
export interface RolloutRequests {
  leave(request: RolloutRequest): void;
  /** The oldest first. */
  pending(of: { readonly target: string; readonly service: string }): readonly RolloutRequest[];
  /** It was taken, or is wanted no more. */
  remove(id: string): void;
}
