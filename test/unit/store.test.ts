import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NewEvent } from '../../core/spec/event.ts';
import { type ArtifactFolder, artifactFolder } from '../../core/store/artifacts.ts';
import { realDisk } from '../../core/store/disk.ts';
import { runsFolder } from '../../core/store/journal.ts';
import { resultFolder } from '../../core/store/results.ts';
import { systemClock } from '../../core/world/clock.ts';

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const event = (node: string): NewEvent => ({ type: 'child-started', node, pid: 1, startedAt: '1' });

describe('a journal', () => {
  it('with a torn end is read up to it, and only up to it', async () => {
    const folder = tempFolder();
    const { run, journal } = runsFolder(folder, realDisk()).begin(systemClock());
    for (const node of ['a', 'b', 'c']) await journal.append(event(node));
    const path = join(folder, run, 'journal.ndjson');
    const whole = readFileSync(path, 'utf8');
    const ends = [...whole.matchAll(/\n/g)].map((match) => match.index + 1);
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(path, whole.slice(0, length));
      const read = runsFolder(folder, realDisk()).events(run);
      // A line counts from its last character on; the end of the line adds nothing to it.
      expect(read.length).toBe(ends.filter((end) => end - 1 <= length).length);
    }
  });

  it('with a line that the disk spoilt still tells what was released and refused behind it, and nothing else', async () => {
    const folder = tempFolder();
    const { run, journal } = runsFolder(folder, realDisk()).begin(systemClock());
    for (const node of ['a', 'b', 'c']) await journal.append(event(node));
    await journal.append({ type: 'release-refused', node: 'd', service: 's', stamp: 's', why: 'bad' });
    await journal.append(event('e'));
    const path = join(folder, run, 'journal.ndjson');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"node":"b"', '"node":"x"'));
    const runs = runsFolder(folder, realDisk());
    for (const read of [runs.events(run), runs.releases(run)]) expect(read.map((each) => 'node' in each && each.node)).toEqual(['a', 'd']);
  });

  it('can be read after a line that could not be written', async () => {
    const folder = tempFolder();
    const disk = realDisk();
    let isFull = false;
    const append: typeof disk.append = (...given) => {
      if (!isFull) return disk.append(...given);
      throw new Error('full');
    };
    const { run, journal } = runsFolder(folder, { ...disk, append }).begin(systemClock());
    await journal.append(event('a'));
    isFull = true;
    await expect(journal.append(event('b'))).rejects.toThrow('full');
    isFull = false;
    await journal.append(event('c'));
    expect(
      runsFolder(folder, disk)
        .events(run)
        .map((each) => [each.seq, 'node' in each && each.node]),
    ).toEqual([
      [0, 'a'],
      [1, 'c'],
    ]);
  });

  it('is not there before its first line, so a run that never began is no run', async () => {
    const folder = tempFolder();
    const runs = runsFolder(folder, realDisk());
    const { journal } = runs.begin(systemClock());
    expect(runs.ids()).toEqual([]);
    await journal.append(event('a'));
    expect(runs.ids()).toHaveLength(1);
  });
});

describe('a result', () => {
  it('that is torn or of another fingerprint is as good as not there', async () => {
    const root = tempFolder();
    const results = resultFolder(root, realDisk());
    const result = { fingerprint: 'ab12', digest: 'd', durationMs: 1, at: 'now' };
    await results.record(result);
    const path = join(root, 'results/ab/ab12');
    const text = readFileSync(path, 'utf8');
    for (let length = 0; length < text.length - 1; length++) {
      writeFileSync(path, text.slice(0, length));
      expect(await results.find('ab12')).toBe(undefined);
    }
    writeFileSync(path, text);
    expect(await results.find('ab12')).toEqual(result);
    writeFileSync(join(root, 'results/ab/ab99'), text);
    expect(await results.find('ab99')).toBe(undefined);
  });
});

interface Box {
  readonly root: string;
  readonly store: ArtifactFolder;
  readonly set: string[];
  attempt(files: Readonly<Record<string, string>>): string;
}

function box(): Box {
  const root = tempFolder();
  const set: string[] = [];
  let count = 0;
  return {
    root,
    set,
    store: artifactFolder(root, realDisk(), (_, why) => set.push(why)),
    attempt(files) {
      const out = join(root, 'work', String(count++), 'files');
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(out, name)), { recursive: true });
        writeFileSync(join(out, name), text);
      }
      return out;
    },
  };
}

describe('an artifact', () => {
  it('that is committed twice at once is there once, and whole', async () => {
    const { store, attempt } = box();
    const made = await Promise.all([1, 2, 3].map(() => store.commit(attempt({ 'a.txt': 'a', 'b/c.txt': 'c' }), 'text', { n: 1 })));
    expect(new Set(made.map((each) => each.digest)).size).toBe(1);
    expect(store.digests()).toEqual([made[0]?.digest]);
    expect(await store.damage(made[0]?.digest ?? '')).toBe(undefined);
  });

  it('that is damaged is set aside once, however many read it at that moment', async () => {
    const { store, attempt, set } = box();
    const { digest, path } = await store.commit(attempt({ 'a.txt': 'a' }), 'text', {});
    chmodSync(join(path, 'a.txt'), 0o644);
    writeFileSync(join(path, 'a.txt'), 'b');
    expect(await Promise.all([1, 2, 3].map(() => store.open(digest, 'verified')))).toEqual([undefined, undefined, undefined]);
    expect(set.length).toBeGreaterThan(0);
    expect(store.digests()).toEqual([]);
    expect((await store.commit(attempt({ 'a.txt': 'a' }), 'text', {})).digest).toBe(digest);
    expect(await store.open(digest, 'verified')).toMatchObject({ digest });
  });

  it.each([
    ['a file is added', (path: string) => writeFileSync(join(path, 'b.txt'), ''), 'b.txt was added'],
    ['a file is gone', (path: string) => rmSync(join(path, 'a.txt')), 'a.txt is missing'],
    ['a file grew', (path: string) => appendFileSync(join(path, 'a.txt'), 'x'), 'bytes'],
    ['its manifest is gone', (path: string) => rmSync(join(path, '../manifest.json')), 'manifest'],
    ['its manifest is torn', (path: string) => writeFileSync(join(path, '../manifest.json'), '{'), 'manifest'],
  ])('is damaged when %s', async (_, harm, words) => {
    const { store, attempt } = box();
    const { digest, path } = await store.commit(attempt({ 'a.txt': 'a' }), 'text', {});
    harm(path);
    expect(await store.damage(digest)).toContain(words);
    expect(await store.open(digest, 'verified')).toBe(undefined);
    expect(existsSync(path)).toBe(false);
  });

  it('has the same digest whatever the order, times and modes of its files', async () => {
    const { store, attempt } = box();
    const one = attempt({ 'a.txt': 'a', 'b/c.txt': 'c' });
    const other = attempt({ 'b/c.txt': 'c', 'a.txt': 'a' });
    chmodSync(join(other, 'a.txt'), 0o755);
    mkdirSync(join(other, 'empty'));
    expect((await store.commit(one, 'text', { a: 1, b: 2 })).digest).toBe((await store.commit(other, 'text', { b: 2, a: 1 })).digest);
  });

  it('is told from files that other programs leave in the store', async () => {
    const { store, attempt, root } = box();
    const { digest } = await store.commit(attempt({ 'a.txt': 'a' }), 'text', {});
    writeFileSync(join(root, 'artifacts/.DS_Store'), '');
    writeFileSync(join(root, 'artifacts', digest.slice(0, 2), '.DS_Store'), '');
    expect(store.digests()).toEqual([digest]);
    expect(readdirSync(join(root, 'artifacts')).sort()).toEqual(['.DS_Store', digest.slice(0, 2)]);
  });
});
