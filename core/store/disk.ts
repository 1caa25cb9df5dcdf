import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { failure, ModelflowError } from '../spec/diagnostic.ts';

/**
 * The only way state is written. Each call is one durable step: when it returns, what it did survives a power cut, or it did nothing.
 * Synchronous on purpose: the files are small, and a promise per file costs several times the call itself.
 */
export interface Disk {
  readText(path: string): string | undefined;
  /** Names in a folder, sorted; none when the folder is not there. */
  list(path: string): readonly string[];
  isThere(path: string): boolean;
  makeFolder(path: string): void;
  /** Temporary file, fsync, rename, fsync of the folder: a reader sees the old text or the new, never a part. */
  write(path: string, text: string): void;
  /** Creates the file with this text, whole, or answers false when there is one already. */
  create(path: string, text: string): boolean;
  /** Appends one piece, whole or not at all, and makes it durable unless told otherwise. */
  append(path: string, text: string, durable: boolean): void;
  /** Moves within the store; the new name is durable. Answers false when something is at `to` already. */
  move(from: string, to: string): boolean;
  /** Moves within the store what may have been moved or removed by somebody else already. */
  takeAway(from: string, to: string): void;
  /** Makes the bytes of a file durable and takes away the permission to write. */
  seal(path: string): void;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): void;
  remove(path: string): void;
}

export function realDisk(): Disk {
  return {
    readText: (path) => guarded(path, 'read', () => ifThere(() => readFileSync(path, 'utf8'))),
    list: (path) => guarded(path, 'read', () => ifThere(() => readdirSync(path).sort()) ?? []),
    isThere: (path) => guarded(path, 'read', () => ifThere(() => statSync(path)) !== undefined),
    makeFolder: (path) => guarded(path, 'make', () => void mkdirSync(path, { recursive: true })),
    write: (path, text) => guarded(path, 'write', () => writeWhole(path, text)),
    create: (path, text) => guarded(path, 'write', () => createWhole(path, text)),
    append: (path, text, durable) => guarded(path, 'write', () => appendTo(path, text, durable)),
    move: (from, to) => guarded(to, 'write', () => moveTo(from, to)),
    takeAway: (from, to) => guarded(from, 'move', () => void ifThere(() => moveTo(from, to))),
    seal: (path) => guarded(path, 'write', () => sealFile(path)),
    syncFolder: (path) => guarded(path, 'write', () => syncFolder(path)),
    remove: (path) => guarded(path, 'remove', () => rmSync(path, { recursive: true, force: true, maxRetries: 5 })),
  };
}

function ifThere<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Says in the user's words what the operating system said in its own. */
function guarded<T>(path: string, verb: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw storeFailure(error, path, verb);
  }
}

export function storeFailure(error: unknown, path: string, verb: string): unknown {
  if (error instanceof ModelflowError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return failure('MF6002', `no space left to ${verb} ${path}`, {
      hint: 'Make room on that disk and run again: what was finished is kept.',
      cause: error,
    });
  }
  return failure('MF6003', `cannot ${verb} ${path} (${code})`, {
    hint: 'Check that the folder of the store exists, is yours and can be written.',
    cause: error,
  });
}

export function errorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function writeWhole(path: string, text: string): void {
  const temporary = temporaryName(path);
  try {
    writeDurably(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** By a hard link to a finished file, so that nobody ever sees it half-written. */
function createWhole(path: string, text: string): boolean {
  const temporary = temporaryName(path);
  try {
    writeDurably(temporary, text);
    linkSync(temporary, path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(dirname(path));
  return true;
}

function appendTo(path: string, text: string, durable: boolean): void {
  const descriptor = openSync(path, 'a', 0o644);
  const { size } = fstatSync(descriptor);
  try {
    writeAll(descriptor, text);
    if (durable) fdatasyncSync(descriptor);
  } catch (error) {
    // Half a piece would spoil all that is appended after it, once there is room again.
    ftruncateSync(descriptor, size);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function moveTo(from: string, to: string): boolean {
  mkdirSync(dirname(to), { recursive: true });
  try {
    renameSync(from, to);
  } catch (error) {
    const code = errorCode(error);
    // A folder cannot replace one that has something in it: somebody was first, with the same content.
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
  syncFolder(dirname(to));
  return true;
}

function sealFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  chmodSync(path, 0o444);
}

function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', 0o644);
  try {
    writeAll(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written);
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}`);
}
