import type { Progress } from '../plan/estimate.ts';
import { formatMs } from './format.ts';

/** `3 of 8 done, 45 %, about 2 min left`: only what is known. Undefined when there is nothing left, or only one thing to do. */
export function progressText({ done, all, fraction, leftMs }: Progress): string | undefined {
  if (all < 2 || done === all) return undefined;
  const percent = fraction === undefined ? undefined : `${Math.floor(fraction * 100)} %`;
  const left = leftMs === undefined || leftMs < 1_000 ? undefined : `about ${formatMs(rounded(leftMs))} left`;
  return [`${done} of ${all} done`, percent, left].filter((part) => part !== undefined).join(', ');
}

/** An estimate that counts single seconds of an hour claims more than it knows. */
function rounded(ms: number): number {
  const stepMs = ms < 60_000 ? 1_000 : ms < 600_000 ? 10_000 : 60_000;
  return Math.round(ms / stepMs) * stepMs;
}
