import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { flushFolder, ignoreMissing, pathsOf } from './state.ts';

const unfinished = '.unfinished-';

/**
 * Copies a bundle into `releases/<revision>-<first 12 of the stamp>` and returns that name: the store may forget the artifact while it still serves.
 * The folder is there whole, or not at all. `oci/` holds the same bytes once more and stays behind.
 */
export async function addRelease(folder: string, bundle: string, revision: number, stamp: string): Promise<string> {
  const { releases } = pathsOf(folder);
  const beside = join(releases, `${unfinished}${randomUUID()}`);
  const name = `${revision}-${stamp.replace(/[^A-Za-z0-9]/g, '').slice(0, 12)}`;
  try {
    await copyTree(bundle, beside, new Set(['oci']));
    // A crash between this rename and the next state leaves a folder that no state names.
    await rm(join(releases, name), { recursive: true, force: true });
    await rename(beside, join(releases, name));
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    throw error;
  }
  await flushFolder(releases);
  return name;
}

/** For a release that never came to serve. */
export async function dropRelease(folder: string, name: string): Promise<void> {
  await rm(join(pathsOf(folder).releases, name), { recursive: true, force: true });
}

/** Deletes all but the newest `keep` releases; those in `needed` stay whatever their age. */
export async function pruneReleases(folder: string, keep: number, needed: ReadonlySet<string>): Promise<void> {
  const { releases } = pathsOf(folder);
  const names = (await readdir(releases).catch(ignoreMissing)) ?? [];
  const byAge = names
    .filter((name) => !name.startsWith(unfinished))
    .sort((left, right) => Number.parseInt(right, 10) - Number.parseInt(left, 10));
  const doomed = byAge.slice(keep).filter((name) => !needed.has(name));
  for (const name of [...doomed, ...names.filter((other) => other.startsWith(unfinished))]) {
    await rm(join(releases, name), { recursive: true, force: true });
  }
}

async function copyTree(from: string, to: string, without: ReadonlySet<string>): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (without.has(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      await copyTree(source, target, new Set());
      continue;
    }
    await copyFile(source, target, constants.COPYFILE_FICLONE);
    const copied = await open(target, 'r');
    try {
      await copied.sync();
    } finally {
      await copied.close();
    }
  }
}
