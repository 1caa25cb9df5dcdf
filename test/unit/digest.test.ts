import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { digestSource } from '../../core/store/digest.ts';
import { type DigestMemory, digestMemory } from '../../core/store/digest-memory.ts';
import { hashFiles } from '../../core/store/hash-files.ts';
import { ownStages } from '../support/own-stages.ts';

const mebibyte = 1 << 20;

function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = mkdtempSync(join(tmpdir(), 'modelflow-digest-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

const sumOf = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const digest = sumOf('a digest');

/** A look at a file of a size worth remembering, as the file system would give it. */
const lookAt = (more: Partial<Stats> = {}): Stats =>
  ({ size: 2 * mebibyte, mtimeMs: 5_000_000.125, ctimeMs: 5_000_000.125, ino: 7, ...more }) as Stats;

describe('the digest of a file', () => {
  it('is its sha256, whatever its size', async () => {
    const sizes = [0, 1, mebibyte, mebibyte + 1, 3 * mebibyte + 7];
    const contents = sizes.map((size) => Buffer.alloc(size, `${size},`));
    const root = folderWith(Object.fromEntries(contents.map((bytes) => [`${bytes.length}`, bytes])));
    const files = sizes.map((size) => ({ path: join(root, `${size}`), sizeBytes: size }));
    expect(await hashFiles(files)).toEqual(contents.map(sumOf));
  });

  it('is the same when there is so much to do that threads do it, and a file that is gone is named by its code', async () => {
    const root = folderWith({ small: 'small', 'large-a': '', 'large-b': '', 'large-c': '' });
    for (const name of ['large-a', 'large-b', 'large-c']) truncateSync(join(root, name), 100 * mebibyte);
    const files = ['small', 'large-a', 'large-b', 'small', 'large-c'].map((name) => {
      const path = join(root, name);
      return { path, sizeBytes: statSync(path).size };
    });
    const zeros = createHash('sha256');
    for (let at = 0; at < 100; at++) zeros.update(Buffer.alloc(mebibyte));
    const large = zeros.digest('hex');
    expect(await hashFiles(files)).toEqual([sumOf('small'), large, large, sumOf('small'), large]);
    const gone = [...files, { path: join(root, 'gone'), sizeBytes: 5 }];
    await expect(hashFiles(gone)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the memory of digests', () => {
  it('trusts a file that looks the same in every way, and no other', () => {
    const memory = digestMemory(undefined);
    memory.note('/a', lookAt(), digest, 5_100_000);
    expect(memory.recall('/a', lookAt())).toBe(digest);
    expect(memory.recall('/b', lookAt())).toBeUndefined();
    for (const other of [{ size: 3 }, { mtimeMs: 5_000_000.25 }, { ctimeMs: 5_000_000.25 }, { ino: 8 }])
      expect(memory.recall('/a', lookAt(other)), JSON.stringify(other)).toBeUndefined();
  });

  it('does not take a file that was changed at about the moment when it was read: it may change once more unseen', () => {
    const isTaken = (look: Partial<Stats>, beganMs: number): boolean => {
      const memory = digestMemory(undefined);
      memory.note('/a', lookAt(look), digest, beganMs);
      return memory.recall('/a', lookAt(look)) !== undefined;
    };
    expect(isTaken({}, 5_000_000.125)).toBe(false);
    expect(isTaken({}, 5_000_010)).toBe(false);
    expect(isTaken({}, 5_000_100)).toBe(true);
    // The mtime can be set by anybody; the ctime cannot.
    expect(isTaken({ mtimeMs: 1_000.5 }, 5_000_010)).toBe(false);
    expect(isTaken({ mtimeMs: 9_000_000.5 }, 5_000_100)).toBe(false);
    // A file system that counts whole seconds, or two.
    expect(isTaken({ mtimeMs: 5_000_000, ctimeMs: 5_000_000 }, 5_001_500)).toBe(false);
    expect(isTaken({ mtimeMs: 5_000_000, ctimeMs: 5_000_000 }, 5_002_500)).toBe(true);
  });

  it('lasts from one process to the next, and is as good as empty when a byte of it is wrong', () => {
    const root = folderWith({ 'in-the-way': '' });
    const file = join(root, 'kept', 'digests');
    const memory = digestMemory(file);
    memory.note('/ä/b', lookAt(), digest, 6_000_000);
    memory.keep();
    expect(digestMemory(file).recall('/ä/b', lookAt())).toBe(digest);
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at += 5) {
      for (const broken of [whole.subarray(0, at), Buffer.from(whole.map((byte, index) => (index === at ? byte ^ 1 : byte)))]) {
        writeFileSync(file, broken);
        expect(digestMemory(file).recall('/ä/b', lookAt()), `at ${at}`).toBeUndefined();
      }
    }
    expect(readdirSync(dirname(file))).toEqual(['digests']);
    const nowhere = digestMemory(join(root, 'in-the-way', 'digests'));
    nowhere.note('/a', lookAt(), digest, 6_000_000);
    nowhere.keep();
    expect(nowhere.recall('/a', lookAt())).toBe(digest);
  });

  it('is asked instead of the disk, for a file and for each file of a folder', async () => {
    const root = folderWith({ 'f/a': 'a', 'f/b/c': 'c' });
    const asked: string[] = [];
    const told: string[] = [];
    const memory: DigestMemory = {
      recall: (path) => {
        asked.push(path);
        return path.endsWith('a') ? digest : undefined;
      },
      note: (path) => void told.push(path),
      keep: () => undefined,
    };
    expect(await digestSource({ source: 'file', path: join(root, 'f/a') }, 'f/a', memory)).toMatchObject({ digest, sizeBytes: 1 });
    await digestSource({ source: 'folder', path: join(root, 'f') }, 'f', memory);
    expect(asked).toEqual([join(root, 'f/a'), join(root, 'f/a'), join(root, 'f/b/c')]);
    expect(told).toEqual([join(root, 'f/b/c')]);
  });
});

describe('a source of several megabytes', () => {
  it('is remembered by a plan outside of the store, and seen to change though its size and mtime are as before', async () => {
    const rig = ownStages("return { one: stage('one', async () => ({}), { options: { from: file() } })({ from: 'large.bin' }) };");
    rig.write('large.bin', Buffer.alloc(3 * mebibyte, 'a'));
    const then = new Date(Date.now() - 3_600_123);
    utimesSync(rig.path('large.bin'), then, then);
    const cli = (...args: string[]) => rig.start(args, { env: { MODELFLOW_CACHE: rig.path('cache') } }).finished;
    expect((await cli('plan')).code).toBe(0);
    expect(readdirSync(rig.path('cache/digests'))).toHaveLength(1);
    expect(rig.exists('.modelflow')).toBe(false);
    expect((await cli('run')).code).toBe(0);
    expect((await cli('plan', '--detailed-exitcode')).code).toBe(0);
    rig.write('large.bin', Buffer.alloc(3 * mebibyte, 'b'));
    utimesSync(rig.path('large.bin'), then, then);
    const plan = await cli('plan', '--detailed-exitcode');
    expect(plan.code, plan.stdout).toBe(10);
    expect((await cli('run')).code).toBe(0);
    expect((await cli('plan', '--detailed-exitcode')).code).toBe(0);
  });
});
