import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLogFile } from '../../stages/deploy/local/log-file.ts';
import { parseLine, readLog } from '../../stages/deploy/local/log-reader.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mf-logs-'));
  path = join(folder, 'logs', 'current.log');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function read(lines: number): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { line } of readLog(path, { follow: false, lines }, new AbortController().signal)) found.push(line);
  return found;
}

test('each line has its time and source, and the last ones are read', async () => {
  const log = openLogFile(path);
  for (const word of ['one', 'two', 'three']) log.append('r1.1', `line ${word}`);
  log.close();
  expect(await read(2)).toEqual(['line two', 'line three']);
  for await (const { at, source } of readLog(path, { follow: false, lines: 1 }, new AbortController().signal)) {
    expect(new Date(at).toISOString()).toBe(at);
    expect(source).toBe('r1.1');
  }
});

test('a log that is not there has no lines', async () => {
  expect(await read(10)).toEqual([]);
});

test('a line that nobody stamped is text', () => {
  expect(parseLine('Segmentation fault')).toEqual({ at: '', source: '', line: 'Segmentation fault' });
});

test('a full file is moved aside, only so many are kept, and the last lines are read across them', async () => {
  const log = openLogFile(path, { maxBytes: 200, kept: 2 });
  for (let count = 0; count < 30; count++) log.append('r1.1', `line ${count}`);
  log.close();
  expect((await readdir(join(folder, 'logs'))).sort()).toEqual(['current.log', 'current.log.1', 'current.log.2']);
  expect(await read(7)).toEqual(Array.from({ length: 7 }, (_, index) => `line ${23 + index}`));
});

test('a log that is opened again goes on where it ended', async () => {
  openLogFile(path).append('supervisor', 'before');
  openLogFile(path).append('supervisor', 'after');
  expect(await read(10)).toEqual(['before', 'after']);
});

test('a followed log gives what was there and what comes, over several rotations, without a gap or a repetition, until it is stopped', async () => {
  const log = openLogFile(path, { maxBytes: 4_000, kept: 9 });
  log.append('r1.1', 'line 0');
  const stop = new AbortController();
  const lines: string[] = [];
  for await (const { line } of readLog(path, { follow: true, lines: 10 }, stop.signal)) {
    lines.push(line);
    if (lines.length === 200) stop.abort();
    else if (lines.length % 20 === 1) for (let more = 0; more < 20; more++) log.append('r1.1', `line ${lines.length + more}`);
  }
  log.close();
  expect(lines.slice(0, 200)).toEqual(Array.from({ length: 200 }, (_, index) => `line ${index}`));
  expect((await readdir(join(folder, 'logs'))).length).toBeGreaterThan(2);
});

test('a line that is written in pieces comes as one line, once it is whole', async () => {
  openLogFile(path).append('r1.1', 'first');
  const stop = new AbortController();
  const lines: string[] = [];
  for await (const { line } of readLog(path, { follow: true, lines: 10 }, stop.signal)) {
    lines.push(line);
    if (lines.length === 1) {
      // Each piece is on disk before the next: the reader may see any of them by itself.
      for (const piece of ['2026-01-01T00:00:00.000Z r1.1 one ', 'line in ', 'pieces ']) {
        await appendFile(path, piece);
        await turn();
      }
      await appendFile(path, 'é\n');
    } else stop.abort();
  }
  expect(lines).toEqual(['first', 'one line in pieces é']);
});

test('a reader that races with a writer and its rotations misses nothing', async () => {
  const log = openLogFile(path, { maxBytes: 2_000, kept: 9 });
  const count = 4_000;
  log.append('r1.1', 'line 0');
  const stop = new AbortController();
  const lines: string[] = [];
  const reading = (async () => {
    for await (const { line } of readLog(path, { follow: true, lines: count }, stop.signal)) {
      lines.push(line);
      if (line === `line ${count - 1}`) stop.abort();
    }
  })();
  for (let next = 1; next < count; next++) {
    log.append('r1.1', `line ${next}`);
    if (next % 3 === 0) await turn();
    // A reader may fall behind by less than the files that are kept.
    while (next - lines.length > 200) await turn();
  }
  await reading;
  log.close();
  expect(lines).toEqual(Array.from({ length: count }, (_, index) => `line ${index}`));
});
