import { join } from 'node:path';
import { sha256 } from '../plan/canonical.ts';
import type { Disk } from './disk.ts';

/**
 * What a digest in a fingerprint was made of, kept under that digest: the files of a folder, the modules behind a stage.
 * Only `why` reads them: what is missing costs a detail of an explanation, and nothing else.
 */
export interface Listings {
  keep(digest: string, text: string): void;
  /** Undefined when it was never kept, or is not what its digest says. */
  find(digest: string): string | undefined;
  digests(): readonly string[];
  remove(digest: string): void;
}

/** Told what a digest was made of, when it is made. */
export type NoteListing = (digest: string, text: string) => void;

/** A folder of hundreds of thousands of files is explained by its size alone. */
const longestText = 8e6;

export function listingFolder(root: string, disk: Disk): Listings {
  const folder = join(root, 'listings');
  return {
    keep(digest, text) {
      const path = join(folder, digest);
      if (text.length > longestText || disk.isThere(path)) return;
      disk.makeFolder(folder);
      disk.write(path, text);
    },
    find(digest) {
      const text = disk.readText(join(folder, digest));
      return text !== undefined && sha256(text) === digest ? text : undefined;
    },
    digests: () => disk.list(folder).filter((name) => /^[0-9a-f]{64}$/.test(name)),
    remove: (digest) => disk.remove(join(folder, digest)),
  };
}
