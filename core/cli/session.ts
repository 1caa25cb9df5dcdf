import { execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Origin } from '../engine/ports.ts';
import type { RunEvent } from '../spec/event.ts';
import type { Journal } from '../spec/journal.ts';
import { breakLock, holderOf, type Lock, type LockHolder, type LockWorld, takeLock } from '../store/lock.ts';
import { systemClock } from '../world/clock.ts';
import { isAlive, machineOf, ownIdentity } from '../world/process-identity.ts';
import { initialiseStore, type Store, type Workspace } from './workspace.ts';

/** The right to change the state of one pipeline and profile, and the journal of what is done with it. */
export interface Session {
  readonly run: string;
  readonly journal: Journal;
  readonly origin: Origin;
  end(): void;
}

/** Takes the lock, clears away what a killed run left, and begins a run. Fails with MF6001 while another run lives. */
export function beginSession(workspace: Workspace, as: LockWorld = lockWorld()): Session {
  const { store } = workspace;
  initialiseStore(store);
  const lock: Lock = takeLock(lockFolder(store), store.disk, as);
  try {
    endLeftOverChildren(store);
    store.disk.discard(join(store.root, 'work', store.scope));
    const { run, journal } = store.runs.begin(systemClock());
    const { redactor } = workspace.secrets;
    const redacted: Journal = { append: (event) => journal.append(redactor.event(event)) };
    return { run, journal: redacted, origin: originOf(workspace.config.root), end: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

export function lockHolder(store: Store): LockHolder | undefined {
  return holderOf(lockFolder(store), store.disk, lockWorld());
}

/** Breaks a lock whose holder cannot be asked: the caller has made sure that it is dead. */
export function unlock(store: Store): LockHolder | 'unreadable' | undefined {
  return breakLock(lockFolder(store), store.disk, lockWorld());
}

function lockFolder(store: Store): string {
  return join(store.root, 'locks', store.scope);
}

function lockWorld(): LockWorld {
  const me = {
    ...ownIdentity(),
    ...machineOf(),
    user: userName(),
    command: `modelflow ${process.argv.slice(2).join(' ')}`.trim(),
    since: new Date().toISOString(),
  };
  return { me, isAlive };
}

/** Children die with their CLI by themselves; one that left its group, or was stopped, is ended here before its work is done again. */
function endLeftOverChildren(store: Store): void {
  const last = store.runs.ids().at(-1);
  const events: readonly RunEvent[] = last === undefined ? [] : store.runs.events(last);
  if (events.some((event) => event.type === 'run-ended')) return;
  for (const event of events) {
    if (event.type !== 'child-started' || !isAlive(event)) continue;
    try {
      process.kill(-event.pid, 'SIGKILL');
    } catch (error) {
      // It ended in between, or it leads no group any more.
      if (isAlive(event)) throw error;
    }
  }
}

function originOf(root: string): Origin {
  return { by: process.env['GITHUB_ACTOR'] ?? userName(), commit: commitOf(root) };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id that has no name.
    return String(process.getuid?.() ?? '?');
  }
}

/** The commit that is checked out, with `+` behind it when files differ from it; undefined outside of git. */
function commitOf(root: string): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+');
  } catch {
    // No git, or no repository, or no commit yet.
    return undefined;
  }
}
