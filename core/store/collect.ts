import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { ifThere } from './disk-failure.ts';

/** Bytes on disk below a path. A file with several names is counted once in all that one `sizes` is asked about. */
export function diskSizes(): (path: string) => number {
  const counted = new Set<string>();
  return (root) => {
    let sizeBytes = 0;
    const queue = [root];
    for (let at = 0; at < queue.length; at++) {
      const path = queue[at] as string;
      const entry = ifThere(() => lstatSync(path));
      if (entry === undefined) continue;
      if (entry.isDirectory()) for (const name of ifThere(() => readdirSync(path)) ?? []) queue.push(join(path, name));
      else if (entry.nlink === 1 || !counted.has(`${entry.dev}:${entry.ino}`)) {
        counted.add(`${entry.dev}:${entry.ino}`);
        sizeBytes += entry.size;
      }
    }
    return sizeBytes;
  };
}

/** Takes something out of the store: out of its place in one step, so that nobody ever sees a part of it, and then away. */
export function takeOut(root: string, disk: Disk, path: string): void {
  const trash = join(root, 'trash');
  disk.makeFolder(trash);
  const away = join(trash, `${path.split('/').at(-1)}-${process.pid}`);
  disk.discard(away);
  disk.takeAway(path, away);
  disk.discard(away);
}

/** What a killed collection left behind. */
export function emptyTrash(root: string, disk: Disk): void {
  disk.discard(join(root, 'trash'));
}
