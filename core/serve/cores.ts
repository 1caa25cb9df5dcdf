import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * How many cores this process may keep busy: those it may run on, or what the quota of its container comes to when that is less. Node looks for
 * the quota where the whole machine keeps it, which in a container of cgroup v1 is not where it is: there more threads than the quota allows
 * would only be stopped by the kernel again and again.
 */
export function coresOfProcess(root = '/sys/fs/cgroup'): number {
  const [quota, period] = quotaIn(root);
  const allowed = quota !== undefined && quota > 0 && period !== undefined && period > 0 ? Math.ceil(quota / period) : Infinity;
  return Math.max(1, Math.min(availableParallelism(), allowed));
}

/** Microseconds of quota and period; NaN or −1 for a quota without limit. */
function quotaIn(root: string): readonly (number | undefined)[] {
  const second = read(`${root}/cpu.max`);
  if (second !== undefined) return second.trim().split(' ').map(Number);
  return [read(`${root}/cpu/cpu.cfs_quota_us`), read(`${root}/cpu/cpu.cfs_period_us`)].map((text) =>
    text === undefined ? text : Number(text),
  );
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No such controller: no quota.
    return undefined;
  }
}
