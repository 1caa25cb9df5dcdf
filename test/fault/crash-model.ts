import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from './random.ts';

/** A file or a folder, whatever it is called. */
export type Inode = number;

/** The smallest things a file system can keep or lose. A rename is a `name` and an `unname` that only happens with it. */
export type Change =
  | { readonly op: 'name'; readonly folder: Inode; readonly name: string; readonly inode: Inode; readonly makes?: 'file' | 'folder' }
  | { readonly op: 'unname'; readonly folder: Inode; readonly name: string; readonly after?: Change }
  | { readonly op: 'write'; readonly inode: Inode; readonly at: number; readonly bytes: Uint8Array }
  | { readonly op: 'cut'; readonly inode: Inode; readonly sizeBytes: number };

/** All that is on a disk. */
export interface Image {
  readonly folders: Map<Inode, Map<string, Inode>>;
  readonly files: Map<Inode, Uint8Array>;
}

export const rootInode: Inode = 0;

export function emptyImage(): Image {
  return { folders: new Map([[rootInode, new Map()]]), files: new Map() };
}

interface Recorded {
  readonly change: Change;
  /** The number of changes and syncs after which no power cut can take it. */
  durableFrom: number;
  /** A sync of it failed: the system has forgotten the bytes, and later syncs do not bring them back. */
  isLost: boolean;
}

/** What a process did to a disk, in order. A point is a moment between two calls, from 0 (nothing done yet) to `now()`. */
export interface Trace<Mark> {
  readonly base: Image;
  now(): number;
  record(changes: readonly Change[]): void;
  sync(inode: Inode): void;
  /** A sync that answered with an error. Names can be synced once more; a file system that cannot write those takes nothing more at all. */
  failSync(inode: Inode): void;
  /** Something that happened outside of this disk: a point of its own. */
  mark(mark: Mark): void;
  /** Something that was said of what has just happened. */
  note(mark: Mark): void;
  /** The marks before a point. */
  marksBefore(point: number): readonly Mark[];
  /** What may be on the disk after a power cut at this point. */
  imageAt(point: number, fate: Fate): Image;
}

/** What becomes of a change that no sync has made durable. */
export type Fate = (change: Change) => 'kept' | 'lost' | { readonly tornAfterBytes: number; readonly rest: 'missing' | 'zeros' };

/** No power cut: even what the system could not write can still be read. */
export const everythingKept: Fate = () => 'kept';
export const everythingLost: Fate = () => 'lost';

/** Each change for itself, in any order: more than a file system with a journal of its own would ever do. */
export function anythingMayBeLost(random: Random): Fate {
  return (change) => {
    const chance = random();
    if (change.op === 'write' && chance < 0.4)
      return { tornAfterBytes: Math.floor(random() * (change.bytes.length + 1)), rest: random() < 0.5 ? 'missing' : 'zeros' };
    return chance < 0.7 ? 'kept' : 'lost';
  };
}

export function traceFrom<Mark>(base: Image): Trace<Mark> {
  const log: Recorded[] = [];
  const marks: { readonly at: number; readonly mark: Mark }[] = [];
  // Changes of one call happen at once as far as anybody can see, so a point counts calls.
  const lengths: number[] = [0];
  const step = (): void => void lengths.push(log.length);
  const waiting = (inode: Inode): readonly Recorded[] =>
    log.filter((each) => each.durableFrom === Number.POSITIVE_INFINITY && holderOf(each.change) === inode);
  return {
    base,
    now: () => lengths.length - 1,
    record(changes) {
      for (const change of changes) log.push({ change, durableFrom: Number.POSITIVE_INFINITY, isLost: false });
      step();
    },
    sync(inode) {
      step();
      for (const each of waiting(inode)) if (!each.isLost) each.durableFrom = lengths.length - 1;
    },
    failSync(inode) {
      step();
      for (const each of waiting(inode)) each.isLost = each.change.op === 'write' || each.change.op === 'cut';
    },
    mark(mark) {
      step();
      marks.push({ at: lengths.length - 1, mark });
    },
    note: (mark) => void marks.push({ at: lengths.length - 1, mark }),
    marksBefore: (point) => marks.flatMap(({ at, mark }) => (at <= point ? [mark] : [])),
    imageAt(point, fate) {
      const image = copyOf(base);
      const applied = new Set<Change>();
      for (const { change, durableFrom, isLost } of log.slice(0, lengths[point])) {
        const becomes = durableFrom <= point ? 'kept' : isLost && fate !== everythingKept ? 'lost' : fate(change);
        if (becomes === 'lost' ? !followsMove(change, image, applied) : isStrayUnname(change, applied)) {
          makeInode(image, change);
          continue;
        }
        applied.add(change);
        apply(image, typeof becomes === 'string' ? change : torn(change, becomes));
      }
      return image;
    },
  };
}

/** A folder never has two names: its old one goes with the move, whatever becomes of the folder that it was in. */
function followsMove(change: Change, image: Image, applied: ReadonlySet<Change>): boolean {
  if (change.op !== 'unname' || change.after?.op !== 'name') return false;
  return applied.has(change.after) && image.folders.has(change.after.inode);
}

/** The old name of what was not moved after all stays. */
function isStrayUnname(change: Change, applied: ReadonlySet<Change>): boolean {
  return change.op === 'unname' && change.after !== undefined && !applied.has(change.after);
}

/** Whose sync makes a change durable: names belong to their folder, bytes to their file. */
function holderOf(change: Change): Inode {
  return change.op === 'name' || change.op === 'unname' ? change.folder : change.inode;
}

function torn(change: Change, how: Exclude<ReturnType<Fate>, string>): Change {
  if (change.op !== 'write') return change;
  const bytes = change.bytes.slice(0, how.rest === 'zeros' ? change.bytes.length : how.tornAfterBytes);
  bytes.fill(0, how.tornAfterBytes);
  return { ...change, bytes };
}

/** Its name may be lost, and what is in it be durable all the same. */
function makeInode(image: Image, change: Change): void {
  if (change.op !== 'name') return;
  if (change.makes === 'folder' && !image.folders.has(change.inode)) image.folders.set(change.inode, new Map());
  if (change.makes === 'file' && !image.files.has(change.inode)) image.files.set(change.inode, new Uint8Array());
}

export function apply(image: Image, change: Change): void {
  makeInode(image, change);
  switch (change.op) {
    case 'name':
      image.folders.get(change.folder)?.set(change.name, change.inode);
      break;
    case 'unname':
      image.folders.get(change.folder)?.delete(change.name);
      break;
    case 'write': {
      const before = image.files.get(change.inode) ?? new Uint8Array();
      const after = new Uint8Array(Math.max(before.length, change.at + change.bytes.length));
      after.set(before);
      after.set(change.bytes, change.at);
      image.files.set(change.inode, after);
      break;
    }
    case 'cut':
      image.files.set(change.inode, (image.files.get(change.inode) ?? new Uint8Array()).slice(0, change.sizeBytes));
      break;
  }
}

export function copyOf(image: Image): Image {
  return { folders: new Map([...image.folders].map(([inode, names]) => [inode, new Map(names)])), files: new Map(image.files) };
}

/** Puts an image into a real folder, which is emptied first. */
export function materialise(image: Image, root: string): void {
  rmSync(root, { recursive: true, force: true });
  const put = (folder: Inode, path: string): void => {
    mkdirSync(path);
    for (const [name, inode] of image.folders.get(folder) ?? []) {
      if (image.folders.has(inode)) put(inode, join(path, name));
      else writeFileSync(join(path, name), image.files.get(inode) ?? '');
    }
  };
  put(rootInode, root);
}
