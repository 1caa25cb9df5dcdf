import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where a supervisor and its servers write, a line at a time. */
export interface LogFile {
  append(source: string, line: string): void;
  close(): void;
}

/** Names of the older files, newest first: `current.log` becomes `.1`, and so on. */
export function olderThan(path: string, kept: number): readonly string[] {
  return Array.from({ length: kept }, (_, index) => `${path}.${index + 1}`);
}

/**
 * Lines `<ISO time> <source> <text>`. Written at once, so that the last words of a crash are there.
 * A full file is moved aside; `kept` of the older ones stay.
 */
export function openLogFile(path: string, { maxBytes = 10_000_000, kept = 3 } = {}): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  let file = openSync(path, 'a', 0o600);
  let sizeBytes = fstatSync(file).size;
  const rotate = () => {
    closeSync(file);
    const names = [path, ...olderThan(path, kept)];
    for (let index = names.length - 1; index > 0; index--) {
      const from = names[index - 1] as string;
      if (statSync(from, { throwIfNoEntry: false })) renameSync(from, names[index] as string);
    }
    file = openSync(path, 'a', 0o600);
    sizeBytes = 0;
  };
  return {
    append(source, line) {
      const text = `${new Date().toISOString()} ${source} ${line}\n`;
      if (sizeBytes > 0 && sizeBytes + text.length > maxBytes) rotate();
      sizeBytes += writeSync(file, text);
    },
    close: () => closeSync(file),
  };
}
