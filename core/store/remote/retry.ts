import { setTimeout as pause } from 'node:timers/promises';
import { RemoteError, type RemoteStore } from '../../spec/remote.ts';

export interface Patience {
  readonly tries: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** How long one answer may take, from asking to the first byte; what is sent counts by its size on top. */
  readonly answerMs: number;
}

export const usualPatience: Patience = { tries: 4, firstPauseMs: 200, longestPauseMs: 5_000, answerMs: 10_000 };
/** Slower than this is as good as gone. */
const slowestBytesPerMs = 50;

/** The same store, where what is worth another try is tried again: with growing, spread pauses, or as long as the store asks. */
export function patient(store: RemoteStore, patience: Patience): RemoteStore {
  const again = <T>(act: (signal: AbortSignal) => Promise<T>, signal: AbortSignal, sizeBytes = 0): Promise<T> =>
    withTries(async () => within(act, signal, patience.answerMs + sizeBytes / slowestBytesPerMs), patience, signal);
  const sizeOf = (parts: readonly { readonly sizeBytes: number }[]): number => parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  return {
    place: store.place,
    now: () => store.now(),
    close: () => store.close(),
    // Who reads to the end tries again as a whole.
    get: (key, signal) => within((one) => store.get(key, one), signal, patience.answerMs),
    has: (key, signal) => again((one) => store.has(key, one), signal),
    put: (key, parts, signal) => again((one) => store.put(key, parts, one), signal, sizeOf(parts)),
    create: (key, parts, signal) => again((one) => store.create(key, parts, one), signal, sizeOf(parts)),
    list: (prefix, signal) => again((one) => store.list(prefix, one), signal),
    remove: (key, signal) => again((one) => store.remove(key, one), signal),
  };
}

/** Also for what is more than one call, such as reading a stream to its end. */
export async function withTries<T>(act: () => Promise<T>, patience: Patience, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      const isPassing = error instanceof RemoteError && (error.trouble === 'unreachable' || error.trouble === 'busy');
      if (!isPassing || attempt >= patience.tries) throw error;
      const pauseMs = Math.min(patience.longestPauseMs, patience.firstPauseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
      await pause(Math.max(pauseMs, Math.min(error.retryAfterMs ?? 0, 60_000)), undefined, { signal });
    }
  }
}

/** The time is for the answer: what is read of it afterwards takes as long as it takes. */
async function within<T>(act: (signal: AbortSignal) => Promise<T>, signal: AbortSignal, timeMs: number): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeMs);
  try {
    return await act(AbortSignal.any([signal, late.signal]));
  } catch (error) {
    if (late.signal.aborted && !signal.aborted)
      throw new RemoteError('unreachable', `no answer within ${Math.round(timeMs / 1_000)} s`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
