import { setTimeout as timer } from 'node:timers/promises';
import type { Clock } from '../spec/port.ts';

/** setTimeout takes no more than a signed 32-bit count of milliseconds. */
const longestTimerMs = 2 ** 31 - 1;

/** The clock of the machine. `pause` rejects with the reason of the signal. */
export function systemClock(): Clock {
  return {
    now: () => new Date(),
    async pause(milliseconds, signal) {
      for (let leftMs = Math.max(0, milliseconds); ; leftMs -= longestTimerMs) {
        signal.throwIfAborted();
        await timer(Math.min(leftMs, longestTimerMs), undefined, { signal }).catch((error: unknown) => {
          signal.throwIfAborted();
          throw error;
        });
        if (leftMs <= longestTimerMs) return;
      }
    },
  };
}
