/** What the router allows; a test may make it smaller. */
export interface Limits {
  /** So much of a body is kept for another try, and for copies. */
  readonly keptBodyBytes: number;
  /** The same, of all requests together. */
  readonly keptBytes: number;
  readonly connectTimeoutMs: number;
  /** A backend that is silent for so long has not answered. */
  readonly answerTimeoutMs: number;
  /** How long a request waits when nobody can be reached. */
  readonly patienceMs: number;
  /** Copies under way; further ones are left out. */
  readonly copies: number;
  readonly copyTimeoutMs: number;
}

export const usualLimits: Limits = {
  keptBodyBytes: 4 * 1024 * 1024,
  keptBytes: 128 * 1024 * 1024,
  connectTimeoutMs: 2_000,
  answerTimeoutMs: 60_000,
  patienceMs: 10_000,
  copies: 64,
  copyTimeoutMs: 10_000,
};
