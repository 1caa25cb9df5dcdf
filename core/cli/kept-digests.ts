import { join } from 'node:path';
import { sha256 } from '../plan/canonical.ts';
import { type DigestMemory, digestMemory } from '../store/digest-memory.ts';
import { cacheFolderIfAny } from '../world/cache-folder.ts';

/**
 * What is known of the files of the configuration in a folder. Kept in the user's cache and not in the store: a plan changes nothing there,
 * and times and inodes mean nothing on another machine.
 */
export function keptDigests(root: string): DigestMemory {
  const folder = cacheFolderIfAny('digests');
  return digestMemory(folder && join(folder, sha256(root).slice(0, 40)));
}
