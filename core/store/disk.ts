import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { errorCode, ifThere, storeFailure } from './disk-failure.ts';
import { type FileSystem, nodeFileSystem } from './file-system.ts';

/**
 * The only way state is written. Each call is one durable step: when it returns, what it did survives a power cut, or it did nothing.
 * Synchronous on purpose: the files are small, and a promise per file costs several times the call itself.
 */
export interface Disk {
  readText(path: string): string | undefined;
  /** Names in a folder, sorted; none when the folder is not there. */
  list(path: string): readonly string[];
  isThere(path: string): boolean;
  /** Of a file; undefined when there is none. */
  sizeOf(path: string): number | undefined;
  /** With every folder above it that is missing. */
  makeFolder(path: string): void;
  /** An empty folder for bytes that nobody needs after a crash: the one thing here that a power cut may take. */
  makeScratch(path: string): void;
  /** Temporary file, fsync, rename, fsync of the folder: a reader sees the old text or the new, never a part. */
  write(path: string, text: string): void;
  /** Creates the file with this text, whole, or answers false when there is one already. */
  create(path: string, text: string): boolean;
  /**
   * Puts one piece behind the first `at` bytes, whole or not at all, and makes it durable unless told otherwise; what a failed call left behind
   * them goes. Answers the new size. Once a sync has failed, what the disk has lost cannot be told: that file takes nothing more.
   */
  append(path: string, text: string, at: number, isDurable: boolean): number;
  /** Moves within the store; the new name is durable. Answers false when something is at `to` already. */
  move(from: string, to: string): boolean;
  /** Moves within the store what may have been moved or removed by somebody else already. */
  takeAway(from: string, to: string): void;
  /** Makes the bytes of a file durable and takes away the permission to write. */
  seal(path: string): void;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): void;
  remove(path: string): void;
  /** Removes what does no harm should a power cut bring it back. */
  discard(path: string): void;
}

export function realDisk(files: FileSystem = nodeFileSystem()): Disk {
  const doubts: Doubts = { lost: new Map(), unsynced: new Set() };
  return {
    readText: (path) => guarded(path, 'read', () => ifThere(() => files.readText(path))),
    list: (path) => guarded(path, 'read', () => [...(ifThere(() => files.list(path)) ?? [])].sort()),
    isThere: (path) => guarded(path, 'read', () => ifThere(() => files.sizeOf(path)) !== undefined),
    sizeOf: (path) => guarded(path, 'read', () => ifThere(() => files.sizeOf(path))),
    makeFolder: (path) => guarded(path, 'make', () => makeFolder(files, path, doubts)),
    makeScratch: (path) =>
      guarded(path, 'make', () => {
        files.remove(path);
        makeFolder(files, path, undefined);
      }),
    write: (path, text) => guarded(path, 'write', () => writeWhole(files, path, text)),
    create: (path, text) => guarded(path, 'write', () => createWhole(files, path, text)),
    append: (path, text, at, isDurable) => guarded(path, 'write', () => appendTo(files, path, Buffer.from(text), at, isDurable, doubts)),
    move: (from, to) => guarded(to, 'write', () => moveTo(files, from, to, doubts)),
    takeAway: (from, to) => guarded(from, 'move', () => void ifThere(() => moveTo(files, from, to, doubts))),
    seal: (path) => guarded(path, 'write', () => seal(files, path)),
    syncFolder: (path) => guarded(path, 'write', () => syncFolder(files, path)),
    remove: (path) =>
      guarded(path, 'remove', () => {
        files.remove(path);
        ifThere(() => syncFolder(files, dirname(path)));
      }),
    discard: (path) => guarded(path, 'remove', () => files.remove(path)),
  };
}

/** What this process knows that a sync has not done, though the next one may say that all is well. */
interface Doubts {
  /** Files whose bytes the system may have forgotten, with its error. */
  readonly lost: Map<string, unknown>;
  /** Folders that were made, but not yet durably. */
  readonly unsynced: Set<string>;
}

function guarded<T>(path: string, verb: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw storeFailure(error, path, verb);
  }
}

/** What is there already was made durable by whoever made it; a file in its place is refused (ENOTDIR). Without `doubts`: not durably. */
function makeFolder(files: FileSystem, path: string, doubts: Doubts | undefined): void {
  try {
    files.makeFolder(path);
    doubts?.unsynced.add(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') files.sizeOf(join(path, '/'));
    else if (code !== 'ENOENT' || dirname(path) === path) throw error;
    else {
      makeFolder(files, dirname(path), doubts);
      makeFolder(files, path, doubts);
    }
  }
  if (doubts?.unsynced.has(path)) {
    syncFolder(files, dirname(path));
    doubts.unsynced.delete(path);
  }
}

function writeWhole(files: FileSystem, path: string, text: string): void {
  const temporary = temporaryName(path);
  try {
    writeDurably(files, temporary, text);
    files.rename(temporary, path);
  } catch (error) {
    files.remove(temporary);
    throw error;
  }
  syncFolder(files, dirname(path));
}

/** By a hard link to a finished file, so that nobody ever sees it half-written. */
function createWhole(files: FileSystem, path: string, text: string): boolean {
  const temporary = temporaryName(path);
  try {
    writeDurably(files, temporary, text);
    files.link(temporary, path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    files.remove(temporary);
  }
  try {
    syncFolder(files, dirname(path));
  } catch (error) {
    files.remove(path);
    throw error;
  }
  return true;
}

function appendTo(files: FileSystem, path: string, bytes: Uint8Array, at: number, isDurable: boolean, { lost }: Doubts): number {
  if (lost.has(path)) throw lost.get(path);
  const descriptor = files.open(path, 'a');
  try {
    // Half a piece would spoil all that is appended after it.
    if (files.lengthOf(descriptor) > at) files.truncate(descriptor, at);
    writeAll(files, descriptor, bytes);
    if (isDurable) syncOrLose(files, descriptor, path, lost);
  } finally {
    files.close(descriptor);
  }
  return at + bytes.length;
}

/** The system says once that it could not write, forgets the bytes, and says that all is well the next time it is asked. */
function syncOrLose(files: FileSystem, descriptor: number, path: string, lost: Map<string, unknown>): void {
  try {
    files.syncContent(descriptor);
  } catch (error) {
    lost.set(path, error);
    throw error;
  }
}

function moveTo(files: FileSystem, from: string, to: string, doubts: Doubts): boolean {
  makeFolder(files, dirname(to), doubts);
  let isMoved = true;
  try {
    files.rename(from, to);
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    // A folder cannot replace one that has something in it: somebody was first, and may have died before the name was durable.
    isMoved = false;
  }
  syncFolder(files, dirname(to));
  return isMoved;
}

function seal(files: FileSystem, path: string): void {
  withOpen(files, path, 'r', (descriptor) => files.sync(descriptor));
  files.makeReadOnly(path);
}

function writeDurably(files: FileSystem, path: string, text: string): void {
  withOpen(files, path, 'wx', (descriptor) => {
    writeAll(files, descriptor, Buffer.from(text));
    files.sync(descriptor);
  });
}

function writeAll(files: FileSystem, descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += files.write(descriptor, bytes.subarray(written));
}

function syncFolder(files: FileSystem, path: string): void {
  withOpen(files, path, 'r', (descriptor) => files.sync(descriptor));
}

function withOpen(files: FileSystem, path: string, how: 'r' | 'wx', act: (descriptor: number) => void): void {
  const descriptor = files.open(path, how);
  try {
    act(descriptor);
  } finally {
    files.close(descriptor);
  }
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}`);
}
