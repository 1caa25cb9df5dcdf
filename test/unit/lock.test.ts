import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Disk, realDisk } from '../../core/store/disk.ts';
import { breakLock, holderOf, type LockWorld, takeLock } from '../../core/store/lock.ts';

const child = fileURLToPath(new URL('./lock-child.ts', import.meta.url));

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const world = (name: string, living: readonly string[] = [], host = 'here'): LockWorld => ({
  me: { pid: 1, startedAt: name, host, boot: 'b', user: 'u', command: name, since: 'now' },
  isAlive: ({ startedAt }) => living.includes(startedAt),
});

describe('the lock', () => {
  it('has one holder at a time among many processes, some of which die holding it', async () => {
    const folder = tempFolder();
    const ends = await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const process_ = spawn(process.execPath, [child, folder, '40', at % 2 === 0 ? 'dies' : '']);
        let said = '';
        process_.stderr.on('data', (piece) => {
          said += String(piece);
        });
        const signal = await new Promise((resolve) => process_.on('close', (code, by) => resolve(by ?? code)));
        return { signal, said: said.replace(/.*(Experimental|--trace-warnings).*\n/g, '') };
      }),
    );
    expect(ends.map((end) => end.said)).toEqual(Array.from({ length: 8 }, () => ''));
    expect(ends.filter((end) => end.signal === 'SIGKILL')).toHaveLength(4);
    expect(readdirSync(join(folder, 'lock')).filter((name) => name.endsWith('.json'))).toHaveLength(1);
  });

  /** Every place at which another process may come in between: `intrude` is called before each step on disk. */
  const intruded = (intrude: (step: number) => void): Disk => {
    const disk = realDisk();
    let step = 0;
    const watched =
      <A extends readonly unknown[], R>(act: (...given: A) => R) =>
      (...given: A): R => {
        intrude(step++);
        return act(...given);
      };
    return {
      ...disk,
      list: watched(disk.list),
      readText: watched(disk.readText),
      create: watched(disk.create),
      remove: watched(disk.remove),
    };
  };

  it('is never held twice, wherever others come, go and die in between', () => {
    for (let at = 0; at < 6; at++) {
      for (const others of ['holds', 'comes and goes', 'comes, goes, and the next one holds', 'dies'] as const) {
        const folder = tempFolder();
        const living = ['me', 'other', 'third'];
        takeLock(folder, realDisk(), world('gone')).release();
        const disk = intruded((step) => {
          if (step !== at) return;
          try {
            const lock = takeLock(folder, realDisk(), world('other', living));
            if (others === 'dies') living.splice(living.indexOf('other'), 1);
            else if (others !== 'holds') lock.release();
            if (others === 'comes, goes, and the next one holds') takeLock(folder, realDisk(), world('third', living));
          } catch {
            // The lock is mine already.
          }
        });
        let isMine = true;
        try {
          takeLock(folder, disk, world('me', living));
        } catch {
          isMine = false;
        }
        const holder = holderOf(folder, realDisk(), world('asking', living))?.startedAt;
        expect(holder, `${others} before step ${at}`).toBe(isMine ? 'me' : others === 'holds' ? 'other' : 'third');
      }
    }
  });

  it('that cannot be read is not taken over, and can be broken', () => {
    const folder = tempFolder();
    takeLock(folder, realDisk(), world('first', ['first']));
    for (const text of ['', '{"pid":', 'null']) {
      writeFileSync(join(folder, '1.json'), text);
      expect(() => takeLock(folder, realDisk(), world('second'))).toThrow(/MF6001.*cannot be read/);
    }
    expect(breakLock(folder, realDisk(), world('second'))).toBe('unreadable');
    expect(JSON.parse(readFileSync(join(folder, readdirSync(folder)[0] ?? ''), 'utf8')).released).toBe(true);
    takeLock(folder, realDisk(), world('second'));
  });

  it('of a run that lives on this machine is not broken; of one elsewhere it is', () => {
    const folder = tempFolder();
    takeLock(folder, realDisk(), world('first', ['first']));
    expect(() => breakLock(folder, realDisk(), world('second', ['first']))).toThrow(/MF6001/);
    expect(breakLock(folder, realDisk(), world('second', [], 'elsewhere'))).toMatchObject({ startedAt: 'first' });
    expect(holderOf(folder, realDisk(), world('second', ['first']))).toBe(undefined);
  });
});
