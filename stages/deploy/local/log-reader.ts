import { existsSync, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LogLine } from '../../../core/index.ts';
import { olderThan } from './log-file.ts';
import { ignoreMissing } from './state.ts';

/** More than any log keeps. */
const mostOlder = 9;

/** The last lines of a log and, when followed, each one that comes, until the signal aborts. A log that is not there has no lines. */
export async function* readLog(
  path: string,
  given: { readonly follow: boolean; readonly lines: number },
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  // Watching begins before the first read: what is written in between is then seen by one of the two.
  const changes = given.follow && existsSync(dirname(path)) ? new Changes(dirname(path), signal) : undefined;
  let begun: Awaited<ReturnType<typeof begin>>;
  try {
    begun = await begin(path, given.lines);
    if (begun === undefined) return;
    if (given.lines > 0) yield* begun.first.slice(-given.lines).map(parseLine);
    while (changes !== undefined && (await changes.next())) yield* (await begun.tail.next()).map(parseLine);
  } finally {
    changes?.close();
    await begun?.tail.close();
  }
}

/** Starts in the newest file from which on there are enough lines. Reading only ever goes forward, so that a rotation repeats nothing. */
async function begin(path: string, lines: number): Promise<{ readonly tail: Tail; readonly first: readonly string[] } | undefined> {
  let begun: { readonly tail: Tail; readonly first: readonly string[] } | undefined;
  for (const name of [path, ...olderThan(path, mostOlder)]) {
    const file = await open(name, 'r').catch(ignoreMissing);
    if (file === undefined) break;
    await begun?.tail.close();
    const tail = new Tail(path, file);
    begun = { tail, first: await tail.next() };
    if (begun.first.length >= lines) break;
  }
  return begun;
}

/** `<ISO time> <source> <text>`; anything else is text without the two. */
export function parseLine(text: string): LogLine {
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (\S+) (.*)$/s.exec(text);
  return match === null ? { at: '', source: '', line: text } : { at: match[1] ?? '', source: match[2] ?? '', line: match[3] ?? '' };
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
    const lines = [...(await this.#drain())];
    for (;;) {
      const fresh = await this.#successor();
      if (fresh === undefined) return lines;
      // Written to the old file after the last look, and before it was moved aside.
      lines.push(...(await this.#drain()));
      await this.#file.close();
      this.#file = fresh;
      lines.push(...(await this.#drain()));
    }
  }

  /** The file that was begun after this one; undefined while this is the current one. */
  async #successor(): Promise<FileHandle | undefined> {
    const { ino: own } = await this.#file.stat();
    for (;;) {
      // From the newest to the oldest: a rotation meanwhile shows a file twice, and hides none.
      const found: { readonly name: string; readonly ino: number }[] = [];
      for (const name of [this.#path, ...olderThan(this.#path, mostOlder)]) {
        const ino = (await stat(name).catch(ignoreMissing))?.ino;
        if (ino !== undefined) found.push({ name, ino });
      }
      const at = found.findLastIndex(({ ino }) => ino === own);
      // Its own file was deleted: the oldest that is left comes next.
      const next = found[at === -1 ? found.length - 1 : at - 1];
      if (next === undefined) return undefined;
      const file = await open(next.name, 'r').catch(ignoreMissing);
      if (file === undefined) continue;
      if ((await file.stat()).ino === next.ino) return file;
      await file.close();
    }
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
