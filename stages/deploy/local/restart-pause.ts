const firstPauseMs = 200;
const longestPauseMs = 30_000;

/** A server that was ready for this long counts as healthy: the next crash is its first again. */
export const healthyAfterMs = 30_000;

/**
 * How long to wait before the next start, after so many crashes in a row: doubling, with jitter between a half and the whole,
 * so that several servers that fell together do not come back together. `random` is 0…1.
 */
export function restartPauseMs(crashes: number, random: number): number {
  const full = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.max(0, crashes - 1));
  return full * (0.5 + random / 2);
}
