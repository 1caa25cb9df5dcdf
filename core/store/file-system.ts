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

/**
 * What the operating system is asked for, one call each, with its own errors. Every durable step is made of these and of nothing else, so that
 * whoever stands in for it (a test that loses, tears or refuses at the n-th call) has seen all there is.
 */
export interface FileSystem {
  readText(path: string): string;
  /** Names in a folder, in no order. */
  list(path: string): readonly string[];
  sizeOf(path: string): number;
  /** `wx` fails when there is something; `a` creates what is missing and writes at the end; `r` opens folders as well. */
  open(path: string, how: 'wx' | 'a' | 'r'): number;
  /** Size of an open file. */
  lengthOf(descriptor: number): number;
  /** Answers how many bytes it took, which may be fewer than were given. */
  write(descriptor: number, bytes: Uint8Array): number;
  truncate(descriptor: number, sizeBytes: number): void;
  /** Content and metadata are durable; of a folder: the names in it. */
  sync(descriptor: number): void;
  /** Content is durable. */
  syncContent(descriptor: number): void;
  close(descriptor: number): void;
  /** One folder, whose parent is there. */
  makeFolder(path: string): void;
  link(from: string, to: string): void;
  rename(from: string, to: string): void;
  /** A file, or a folder with everything below it; nothing there is no failure. */
  remove(path: string): void;
  makeReadOnly(path: string): void;
}

export function nodeFileSystem(): FileSystem {
  return {
    readText: (path) => readFileSync(path, 'utf8'),
    list: (path) => readdirSync(path),
    sizeOf: (path) => statSync(path).size,
    open: (path, how) => openSync(path, how, 0o644),
    lengthOf: (descriptor) => fstatSync(descriptor).size,
    write: (descriptor, bytes) => writeSync(descriptor, bytes),
    truncate: (descriptor, sizeBytes) => ftruncateSync(descriptor, sizeBytes),
    sync: (descriptor) => fsyncSync(descriptor),
    syncContent: (descriptor) => fdatasyncSync(descriptor),
    close: (descriptor) => closeSync(descriptor),
    makeFolder: (path) => mkdirSync(path),
    link: (from, to) => linkSync(from, to),
    rename: (from, to) => renameSync(from, to),
    remove: (path) => rmSync(path, { recursive: true, force: true, maxRetries: 5 }),
    makeReadOnly: (path) => chmodSync(path, 0o444),
  };
}
