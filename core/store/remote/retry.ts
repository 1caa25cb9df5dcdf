import { type Patience, withTries } from '../../registry/patience.ts';
import { RemoteError, type RemoteStore } from '../../spec/remote.ts';

interface StorePatience extends Patience {
  /** How long one answer may take, from asking to the first byte; what is sent counts by its size on top. */
  readonly answerMs: number;
}

export const usualPatience: StorePatience = { tries: 4, firstPauseMs: 200, longestPauseMs: 5_000, answerMs: 10_000 };
/** Slower than this is as good as gone. */
const slowestBytesPerMs = 50;

/** The same store, where what is worth another try is tried again: with growing, spread pauses, or as long as the store asks. */
export function patient(store: RemoteStore, patience: StorePatience): RemoteStore {
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
