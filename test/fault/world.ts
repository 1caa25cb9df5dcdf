import type { LiveService } from '../../core/spec/target.ts';
import type { FaultFiles } from './fault-files.ts';

/** What lies outside of the store's disk and outlives every process: what is live, and how often somebody changed it. */
export interface World {
  live: LiveService | undefined;
  /** Which release was applied, in order. */
  readonly applied: number[];
}

export function emptyWorld(): World {
  return { live: undefined, applied: [] };
}

export function copyOfWorld(world: World): World {
  return { live: world.live, applied: [...world.applied] };
}

/** What scripted stages and the scripted target do their work with: what they write is on the same disk, and they never sync. */
export interface Surroundings {
  readonly files: FaultFiles;
  readonly world: World;
  /** Called after the world was changed. */
  changed(): void;
}

/** A stage writes as any program does: nothing is synced. Folders in between are made. */
export function writeUnsynced({ files }: Surroundings, path: string, text: string, above: string): void {
  const folders = path.split('/').slice(0, -1);
  folders.forEach((_, at) => {
    const folder = `${above}/${folders.slice(0, at + 1).join('/')}`;
    if (!files.list(folder.slice(0, folder.lastIndexOf('/'))).includes(folders[at] as string)) files.makeFolder(folder);
  });
  const descriptor = files.open(`${above}/${path}`, 'a');
  try {
    const bytes = Buffer.from(text);
    for (let written = 0; written < bytes.length; ) written += files.write(descriptor, bytes.subarray(written));
  } finally {
    files.close(descriptor);
  }
}
