import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** One process, and no other that gets the same number later. */
export interface Identity {
  readonly pid: number;
  /** When it started, in whatever unit the system counts: only ever compared. */
  readonly startedAt: string;
}

/** Undefined when there is no such process (a zombie counts as none). */
export async function identityOf(pid: number): Promise<Identity | undefined> {
  const startedAt = process.platform === 'linux' ? await startOnLinux(pid) : await startByPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Is exactly this process still running? Asked before anything is signalled. */
export async function isRunning(identity: Identity): Promise<boolean> {
  return (await identityOf(identity.pid))?.startedAt === identity.startedAt;
}

/** Signals the process if it is still the same one; false when it is gone. */
export async function signal(identity: Identity, name: NodeJS.Signals): Promise<boolean> {
  if (!(await isRunning(identity))) return false;
  try {
    return process.kill(identity.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

async function startOnLinux(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The command, in brackets, may hold spaces and brackets itself: count from the last one. Field 3 is the state, 20 the number of threads, 22 the start time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie whose other threads still end holds its files and ports until the last of them is gone.
  const isGone = fields[0] === 'Z' && Number(fields[17]) <= 1;
  return isGone ? undefined : fields[19];
}

async function startByPs(pid: number): Promise<string | undefined> {
  const answer = await promisify(execFile)('ps', ['-o', 'lstart=,stat=', '-p', String(pid)], {
    env: { ...process.env, LC_ALL: 'C' },
  }).catch(() => undefined);
  const match = /^(.*\S)\s+(\S+)\s*$/.exec(answer?.stdout ?? '');
  return match === null || match[2]?.startsWith('Z') ? undefined : match[1];
}
