import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, type Stats, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Digests of the user's files, known from earlier as long as the files look the same. Whatever is wrong with it only costs reading them again. */
export interface DigestMemory {
  recall(path: string, look: Stats): string | undefined;
  /** `look` was had before the file was read, and after `beganMs`; the file still looked the same afterwards. */
  note(path: string, look: Stats, digest: string, beganMs: number): void;
  /** Writes down what is new, when it is worth it. Never fails. */
  keep(): void;
}

/** Size, mtime, ctime, inode: any change of the bytes changes one of them, if only the ctime. */
type Look = readonly [number, number, number, number];

interface Entry {
  readonly look: Look;
  readonly digest: Buffer;
  /** How many times the memory was written since somebody asked. */
  idle: number;
}

const head = Buffer.from('modelflow digests 1\n');
const sumBytes = 32;
const fixedBytes = 2 + 1 + 4 * 8 + sumBytes;
const longestPath = 65_535;
/** Files that are not there any more are forgotten after so many writes. */
const mostIdle = 20;
/** Less than this is hashed again as fast as it is looked up. */
const worthBytes = 1 << 20;
const worthFiles = 100;

/** `file` undefined: nothing is kept beyond this process. */
export function digestMemory(file: string | undefined): DigestMemory {
  let entries: Map<string, Entry> | undefined;
  const known = (): Map<string, Entry> => {
    entries ??= file === undefined ? new Map() : read(file);
    return entries;
  };
  const fresh = { bytes: 0, files: 0 };
  return {
    recall(path, stats) {
      const entry = known().get(path);
      if (entry === undefined || !isSame(entry.look, lookOf(stats))) return undefined;
      entry.idle = 0;
      return entry.digest.toString('hex');
    },
    note(path, stats, digest, beganMs) {
      if (!isSettled(stats, beganMs)) return;
      known().set(path, { look: lookOf(stats), digest: Buffer.from(digest, 'hex'), idle: 0 });
      fresh.bytes += stats.size;
      fresh.files += 1;
    },
    keep() {
      if (file === undefined || (fresh.bytes < worthBytes && fresh.files < worthFiles)) return;
      [fresh.bytes, fresh.files] = [0, 0];
      write(file, known());
    },
  };
}

/**
 * As in Git's index: a file that was written at the very moment it was read may be written once more without looking any different, for clocks
 * of file systems tick, some once in two seconds. Only what was older than a tick when reading began is remembered.
 */
function isSettled(stats: Stats, beganMs: number): boolean {
  const isCoarse = stats.mtimeMs % 1000 === 0 || stats.ctimeMs % 1000 === 0;
  return Math.max(stats.mtimeMs, stats.ctimeMs) < beganMs - (isCoarse ? 2_000 : 20);
}

/** Milliseconds with a fraction tell a quarter of a microsecond, far less than a tick. */
function lookOf(stats: Stats): Look {
  return [stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino];
}

function isSame(a: Look, b: Look): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** Has a file been left alone between two looks at it? */
export function looksSame(a: Stats, b: Stats): boolean {
  return isSame(lookOf(a), lookOf(b));
}

function read(file: string): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  try {
    const bytes = readFileSync(file);
    const body = bytes.subarray(head.length + sumBytes);
    if (!bytes.subarray(0, head.length).equals(head) || !sumOf(body).equals(bytes.subarray(head.length, head.length + sumBytes)))
      return entries;
    for (let at = 0; at < body.length; ) {
      const pathEnd = at + 2 + body.readUInt16LE(at);
      const path = body.toString('utf8', at + 2, pathEnd);
      const number = (nth: number): number => body.readDoubleLE(pathEnd + 1 + 8 * nth);
      at = pathEnd - 2 + fixedBytes;
      const idle = body[pathEnd] ?? 0;
      entries.set(path, { look: [number(0), number(1), number(2), number(3)], digest: body.subarray(at - sumBytes, at), idle });
    }
  } catch {
    // Not there yet, or not to be read: everything is hashed anew.
  }
  return entries;
}

function write(file: string, entries: ReadonlyMap<string, Entry>): void {
  const pieces: Buffer[] = [];
  for (const [path, { look, digest, idle }] of entries) {
    const name = Buffer.from(path);
    if (idle > mostIdle || name.length > longestPath) continue;
    const piece = Buffer.allocUnsafe(name.length + fixedBytes);
    piece.writeUInt16LE(name.length, 0);
    name.copy(piece, 2);
    let at = 2 + name.length;
    at = piece.writeUInt8(idle + 1, at);
    for (const number of look) at = piece.writeDoubleLE(number, at);
    digest.copy(piece, at);
    pieces.push(piece);
  }
  const body = Buffer.concat(pieces);
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, Buffer.concat([head, sumOf(body), body]), { mode: 0o600 });
    renameSync(draft, file);
  } catch {
    // A home that cannot be written to must not stop anybody; half a file would not match its sum.
    removeIfThere(draft);
  }
}

function removeIfThere(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Whatever stopped the writing stops this too.
  }
}

function sumOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
