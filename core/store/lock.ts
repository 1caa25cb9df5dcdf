import { join } from 'node:path';
import { failure, ModelflowError } from '../spec/diagnostic.ts';
import type { Disk } from './disk.ts';

/** Who holds a lock. `host` and `boot` say where the pid means something. */
export interface LockHolder {
  readonly pid: number;
  readonly startedAt: string;
  readonly host: string;
  readonly boot: string;
  readonly user: string;
  readonly command: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

interface LockFile extends LockHolder {
  readonly released: boolean;
}

export interface Lock {
  /** Grows with every holder: what carries a smaller one is late. */
  readonly fence: number;
  release(): void;
}

/** What is known about a holder's life, asked of the system. */
export interface LockWorld {
  readonly me: LockHolder;
  isAlive(holder: { readonly pid: number; readonly startedAt: string }): boolean;
}

/**
 * One holder at a time, by files `<n>.json` of which the highest counts. Taking the lock means making the next number, which only one can do;
 * the highest file is marked when it is released, and never deleted, so a late comer cannot mistake an empty folder for a free lock.
 * The holder's death is proven by pid and start time on this machine and boot; a holder elsewhere is believed to live until `force`.
 */
export function takeLock(folder: string, disk: Disk, world: LockWorld, force = false): Lock {
  disk.makeFolder(folder);
  for (;;) {
    const highest = numbersIn(folder, disk).at(-1) ?? 0;
    const holder = highest === 0 || force ? undefined : readHolder(folder, highest, disk);
    if (holder && isHeld(holder, world)) throw heldFailure(holder, world);
    const mine = highest + 1;
    if (!disk.create(join(folder, `${mine}.json`), JSON.stringify({ ...world.me, released: false } satisfies LockFile))) continue;
    const numbers = numbersIn(folder, disk);
    if ((numbers.at(-1) ?? 0) > mine) {
      // Others came and went since the folder was listed; this number is of the past.
      disk.discard(join(folder, `${mine}.json`));
      continue;
    }
    for (const old of numbers) if (old < mine) disk.discard(join(folder, `${old}.json`));
    return {
      fence: mine,
      release: () => disk.write(join(folder, `${mine}.json`), JSON.stringify({ ...world.me, released: true } satisfies LockFile)),
    };
  }
}

/** Breaks a lock whose holder cannot be asked, and says who it was. One that lives on this machine is not broken: MF6001. */
export function breakLock(folder: string, disk: Disk, world: LockWorld): LockHolder | typeof unreadable | undefined {
  const holder = lockStateOf(folder, disk, world);
  if (holder === undefined) return undefined;
  if (holder !== unreadable && holder.host === world.me.host) throw heldFailure(holder, world);
  takeLock(folder, disk, world, true).release();
  return holder;
}

function lockStateOf(folder: string, disk: Disk, world: LockWorld): LockHolder | typeof unreadable | undefined {
  try {
    return holderOf(folder, disk, world);
  } catch (error) {
    if (error instanceof ModelflowError && error.cause === unreadable) return unreadable;
    throw error;
  }
}

/** Who holds the lock now, if anybody does. */
export function holderOf(folder: string, disk: Disk, world: LockWorld): LockHolder | undefined {
  const highest = numbersIn(folder, disk).at(-1);
  const holder = highest === undefined ? undefined : readHolder(folder, highest, disk);
  return holder && isHeld(holder, world) ? holder : undefined;
}

function numbersIn(folder: string, disk: Disk): readonly number[] {
  return disk
    .list(folder)
    .flatMap((name) => (/^\d+\.json$/.test(name) ? [Number.parseInt(name, 10)] : []))
    .sort((a, b) => a - b);
}

function readHolder(folder: string, number: number, disk: Disk): LockFile | undefined {
  const path = join(folder, `${number}.json`);
  const text = disk.readText(path);
  if (text === undefined) return undefined;
  const holder = lockFileIn(text);
  if (holder) return holder;
  // It is written whole, so something else did this; whether its holder lives cannot be told.
  throw failure('MF6001', `the lock ${path} cannot be read`, {
    hint: 'If no other run is at work: `modelflow unlock`.',
    cause: unreadable,
  });
}

/** Marks the failure of a lock that cannot be read, which only `unlock` gets over. */
const unreadable = 'unreadable';

function lockFileIn(text: string): LockFile | undefined {
  try {
    const found = JSON.parse(text) as Partial<LockFile> | null;
    return typeof found?.pid === 'number' && typeof found.host === 'string' ? (found as LockFile) : undefined;
  } catch {
    // Torn, or no JSON at all.
    return undefined;
  }
}

function isHeld(holder: LockFile, world: LockWorld): boolean {
  if (holder.released) return false;
  if (holder.host !== world.me.host) return true;
  return holder.boot === world.me.boot && world.isAlive(holder);
}

/** MF6001, naming the holder. */
export function heldFailure(holder: LockHolder, world: LockWorld): Error {
  const elsewhere = holder.host !== world.me.host;
  const who = `process ${holder.pid} of ${holder.user} on ${holder.host.split('/')[0]}`;
  return failure('MF6001', `another run holds the lock: ${who}, since ${holder.since} (${holder.command})`, {
    hint: elsewhere
      ? 'Whether it still lives cannot be told from here. If it is dead: `modelflow unlock`.'
      : 'Wait for it to end, or stop it.',
  });
}
