import { watch } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LogLine } from '../../../core/index.ts';
import { olderThan } from './log-file.ts';
import { ignoreMissing } from './state.ts';

/** The last lines of a log and, when followed, each one that comes, until the signal aborts. A log that is not there has no lines. */
export async function* readLog(
  path: string,
  given: { readonly follow: boolean; readonly lines: number },
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const file = await open(path, 'r').catch(ignoreMissing);
  if (file === undefined) return;
  const tail = new Tail(path, file);
  // Watching begins before the first read: what is written in between is then seen by one of the two.
  const changes = given.follow ? new Changes(dirname(path), signal) : undefined;
  try {
    const first = await tail.next();
    const missing = given.lines - first.length;
    const older = missing > 0 ? await olderLines(path, missing) : [];
    yield* [...older, ...first].slice(given.lines > 0 ? -given.lines : Number.POSITIVE_INFINITY).map(parseLine);
    while (changes !== undefined && (await changes.next())) yield* (await tail.next()).map(parseLine);
  } finally {
    changes?.close();
    await tail.close();
  }
}

/** `<ISO time> <source> <text>`; anything else is text without the two. */
export function parseLine(text: string): LogLine {
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (\S+) (.*)$/s.exec(text);
  return match === null ? { at: '', source: '', line: text } : { at: match[1] ?? '', source: match[2] ?? '', line: match[3] ?? '' };
}

async function olderLines(path: string, wanted: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of olderThan(path, 9)) {
    if (lines.length >= wanted) break;
    const text = await readFile(name, 'utf8').catch(ignoreMissing);
    if (text === undefined) break;
    lines.unshift(...text.split('\n').slice(0, -1));
  }
  return lines.slice(-wanted);
}

/** Reads what was added since the last time, through a rotation too. */
class Tail {
  readonly #path: string;
  #file: FileHandle;
  #rest = Buffer.alloc(0);

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  async next(): Promise<readonly string[]> {
    const lines = await this.#drain();
    const now = await stat(this.#path).catch(ignoreMissing);
    if (now === undefined || now.ino === (await this.#file.stat()).ino) return lines;
    const fresh = await open(this.#path, 'r').catch(ignoreMissing);
    if (fresh === undefined) return lines;
    const last = await this.#drain();
    await this.#file.close();
    this.#file = fresh;
    return [...lines, ...last, ...(await this.#drain())];
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #drain(): Promise<readonly string[]> {
    const chunks: Buffer[] = [this.#rest];
    const chunk = Buffer.alloc(65_536);
    for (;;) {
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) break;
      chunks.push(Buffer.from(chunk.subarray(0, bytesRead)));
    }
    const all = Buffer.concat(chunks);
    const end = all.lastIndexOf(10) + 1;
    this.#rest = Buffer.from(all.subarray(end));
    return end === 0 ? [] : all.toString('utf8', 0, end - 1).split('\n');
  }
}

/** Turns the callbacks of a folder's watcher into "something has changed since you last asked". */
class Changes {
  readonly #close: () => void;
  readonly #signal: AbortSignal;
  #isDirty = false;
  #wake: () => void = () => {};

  constructor(folder: string, signal: AbortSignal) {
    const watcher = watch(folder);
    this.#signal = signal;
    const note = () => {
      this.#isDirty = true;
      this.#wake();
    };
    const stop = () => this.#wake();
    watcher.on('change', note).on('error', stop);
    signal.addEventListener('abort', stop);
    this.#close = () => {
      watcher.close();
      signal.removeEventListener('abort', stop);
    };
  }

  /** False once the signal has aborted. */
  async next(): Promise<boolean> {
    if (!this.#isDirty && !this.#signal.aborted) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#isDirty = false;
    return !this.#signal.aborted;
  }

  close(): void {
    this.#close();
  }
}
