import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Origin } from '../engine/ports.ts';
import type { RunEvent } from '../spec/event.ts';
import type { Journal } from '../spec/journal.ts';
import { initialiseStore, isOlderFormat, upgradeStore } from '../store/format.ts';
import { breakLock, heldFailure, holderOf, type Lock, type LockHolder, type LockWorld, takeLock } from '../store/lock.ts';
import { systemClock } from '../world/clock.ts';
import { isAlive } from '../world/process-identity.ts';
import { endStrays } from '../world/strays.ts';
import { lockWorld, userName } from './lock-world.ts';
import { showDiagnostics } from './show.ts';
import type { Store, Workspace } from './workspace.ts';

/** The right to change the state of one pipeline and profile, and the journal of what is done with it. */
export interface Session {
  readonly run: string;
  readonly journal: Journal;
  readonly origin: Origin;
  /** Gives the right back, when what others must know has been told to them; the signal cuts that short. */
  end(signal: AbortSignal): Promise<void>;
}

/** Takes the lock, clears away what a killed run left, and begins a run. Fails with MF6001 while another run lives. */
export function beginSession(workspace: Workspace, as: LockWorld = lockWorld(), origin = originOf): Session {
  const { store } = workspace;
  initialiseStore(store.root, store.disk);
  const lock: Lock = takeLock(lockFolder(store), store.disk, as);
  try {
    upgradeIfOlder(store, as);
    refuseWhileWholeIsHeld(store, as);
    endLeftOverChildren(store);
    store.disk.discard(join(store.root, 'work', store.scope));
    const { run, journal } = store.runs.begin(systemClock());
    const { redactor } = workspace.secrets;
    const shown = store.sharing?.follow(run, journal) ?? journal;
    const redacted: Journal = { append: (event) => shown.append(redactor.event(event)) };
    const end = async (signal: AbortSignal): Promise<void> => {
      try {
        const told = await store.sharing?.finish(run, signal);
        if (told?.sent !== undefined) console.error(told.sent);
        await showDiagnostics(told?.warnings ?? []);
      } finally {
        lock.release();
      }
    };
    return { run, journal: redacted, origin: origin(workspace.config.root), end };
  } catch (error) {
    lock.release();
    throw error;
  }
}

export function lockHolder(store: Store): LockHolder | undefined {
  return holderOf(lockFolder(store), store.disk, lockWorld());
}

/**
 * While it is held no run of any pipeline is at work in the store, and none can begin. Fails with MF6001 when one is; `except` is the caller's own.
 * A run takes its own lock and then looks at this one, this takes its own and then looks at all of theirs: one of the two always sees the other.
 */
export function takeWholeStore({ disk, root }: Pick<Store, 'root' | 'disk'>, world: LockWorld = lockWorld(), except?: string): Lock {
  const lock = takeLock(wholeLockFolder(root), disk, world);
  try {
    for (const pipeline of disk.list(join(root, 'locks'))) {
      for (const profile of pipeline === wholeLock ? [] : disk.list(join(root, 'locks', pipeline))) {
        const holder = `${pipeline}/${profile}` === except ? undefined : holderOf(join(root, 'locks', pipeline, profile), disk, world);
        if (holder) throw heldFailure(holder, world);
      }
    }
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

function upgradeIfOlder({ root, disk, scope }: Store, world: LockWorld): void {
  if (!isOlderFormat(root, disk)) return;
  const lock = takeWholeStore({ root, disk }, world, scope);
  try {
    upgradeStore(root, disk);
  } finally {
    lock.release();
  }
}

function refuseWhileWholeIsHeld({ root, disk }: Store, world: LockWorld): void {
  const holder = holderOf(wholeLockFolder(root), disk, world);
  if (holder) throw heldFailure(holder, world);
}

/** No pipeline can have this name. */
const wholeLock = '.whole';

function wholeLockFolder(root: string): string {
  return join(root, 'locks', wholeLock);
}

/** Breaks a lock whose holder cannot be asked: the caller has made sure that it is dead. */
export function unlock(store: Store): LockHolder | 'unreadable' | undefined {
  const world = lockWorld();
  return breakLock(lockFolder(store), store.disk, world) ?? breakLock(wholeLockFolder(store.root), store.disk, world);
}

function lockFolder(store: Store): string {
  return join(store.root, 'locks', store.scope);
}

/** Children die with their CLI by themselves; one that left its group, or was stopped, is ended here before its work is done again. */
function endLeftOverChildren(store: Store): void {
  const last = store.runs.own().at(-1);
  const events: readonly RunEvent[] = last === undefined ? [] : store.runs.events(last);
  if (events.some((event) => event.type === 'run-ended')) return;
  const children = events.filter((event) => event.type === 'child-started');
  for (const child of children.filter(isAlive)) {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      // It ended in between, or it leads no group any more.
      if (isAlive(child)) throw error;
    }
  }
  endStrays(children.flatMap(({ mark }) => mark ?? []));
}

function originOf(root: string): Origin {
  return { by: process.env['GITHUB_ACTOR'] ?? userName(), commit: commitOf(root) };
}

/** The commit that is checked out, with `+` behind it when files differ from it; undefined outside of git. */
export function commitOf(root: string): string | undefined {
  const args = ['-C', root, 'status', '--porcelain=v2', '--branch', '--untracked-files=no'];
  try {
    const lines = execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n');
    const commit = lines.find((line) => line.startsWith('# branch.oid '))?.slice('# branch.oid '.length);
    if (commit === undefined || commit === '(initial)') return undefined;
    return commit + (lines.some((line) => !line.startsWith('#')) ? '+' : '');
  } catch {
    // No git, or no repository, or no commit yet.
    return undefined;
  }
}
