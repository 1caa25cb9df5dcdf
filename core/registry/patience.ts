import { setTimeout as pause } from 'node:timers/promises';
import { RemoteError } from '../spec/remote.ts';

/** How often something is tried, and how long it is waited in between. */
export interface Patience {
  readonly tries: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** Tries again what is worth it, with growing, spread pauses, or as long as the server asks. */
export async function withTries<T>(act: () => Promise<T>, patience: Patience, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error) || attempt >= patience.tries) throw error;
      await pauseBefore(attempt, error, patience, signal);
    }
  }
}

/** The same may go well a moment later. */
export function isPassing(error: unknown): error is RemoteError {
  return error instanceof RemoteError && (error.trouble === 'unreachable' || error.trouble === 'busy') && !isTlsTrouble(error);
}

/** The pause after the attempt of this number, counted from 1. */
export async function pauseBefore(attempt: number, error: RemoteError, patience: Patience, signal: AbortSignal): Promise<void> {
  const pauseMs = Math.min(patience.longestPauseMs, patience.firstPauseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
  await pause(Math.max(pauseMs, Math.min(error.retryAfterMs ?? 0, 60_000)), undefined, { signal });
}

const tlsTrouble = /CERT|SELF_SIGNED|WRONG_VERSION_NUMBER|ERR_SSL|ERR_TLS|EPROTO|UNABLE_TO_VERIFY|packet length too long/;

/** There is no TLS, or none that is trusted: that stays so. */
export function isTlsTrouble(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if (tlsTrouble.test(String((each as { readonly code?: unknown }).code)) || tlsTrouble.test(each.message)) return true;
  return false;
}
