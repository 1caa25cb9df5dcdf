import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Names one process for good: a pid alone is used again by the system. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the process began, in the system's own words; only compared, never read. */
  readonly startedAt: string;
}

/** A program that was started for a stage. What it starts carries its mark, wherever that goes. */
export interface StartedChild extends ProcessIdentity {
  readonly mark?: string;
}

/** When the process with this pid began, or undefined when there is none. Linux: field 22 of /proc/PID/stat (proc(5)). */
export function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command in parentheses may hold anything, so fields are counted from its end; field 3 is the state.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    } catch {
      // No such process: the folder in /proc is gone.
      return undefined;
    }
  }
  try {
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() ||
      undefined
    );
  } catch {
    // ps answers 1 when there is no such process.
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return startOf(identity.pid) === identity.startedAt;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startedAt: startOf(process.pid) ?? '?' };
}

/** Where pids mean the same processes: this host, this boot, this pid namespace. */
export function machineOf(): { readonly host: string; readonly boot: string } {
  return {
    host: `${hostname()}${orNothing(() => `/${readlinkSync('/proc/self/ns/pid')}`)}`,
    boot: orNothing(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
  };
}

/** Systems other than Linux have no such files; the host name has to do there. */
function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
