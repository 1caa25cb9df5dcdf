import { type Dirent, readdirSync, type Stats, statSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { canonicalJson, sha256 } from '../plan/canonical.ts';
import type { SourceDigest } from '../plan/fingerprint.ts';
import { failure } from '../spec/diagnostic.ts';
import type { Source } from '../spec/source.ts';
import { type DigestMemory, looksSame } from './digest-memory.ts';
import { errorCode, storeFailure } from './disk-failure.ts';
import { hashFiles } from './hash-files.ts';
import type { NoteListing } from './listings.ts';

/** One file of an artifact or of a source folder; `path` with forward slashes, relative to its root. */
export interface FileDigest {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Every file below a folder, sorted by path. Links, sockets and devices have no place in an artifact: MF3005. */
export async function digestFolder(root: string): Promise<readonly FileDigest[]> {
  return digestFiles(root, await filesBelow(root, 'artifact'), undefined);
}

/** Looking at a hundred thousand files takes half a second, in which the event loop must not stand still. */
const looksAtOnce = 2_000;

/** What the memory does not know is read. */
async function digestFiles(root: string, names: readonly string[], memory: DigestMemory | undefined): Promise<readonly FileDigest[]> {
  const found: { path: string; sizeBytes: number; sha256: string }[] = [];
  const unknown: { readonly index: number; readonly path: string; readonly sizeBytes: number; readonly look: Stats }[] = [];
  const beganMs = Date.now();
  for (const [index, name] of names.entries()) {
    const path = join(root, name);
    const look = statSync(path);
    const known = memory?.recall(path, look);
    found.push({ path: name, sizeBytes: look.size, sha256: known ?? '' });
    if (known === undefined) unknown.push({ index, path, sizeBytes: look.size, look });
    if (index % looksAtOnce === looksAtOnce - 1) await setImmediate();
  }
  const digests = await hashFiles(unknown);
  for (const [nth, { index, path, look }] of unknown.entries()) {
    const sha256 = digests[nth] as string;
    (found[index] as { sha256: string }).sha256 = sha256;
    if (memory && looksSame(look, statSync(path))) memory.note(path, look, sha256, beganMs);
  }
  return found;
}

/** Everything below a folder that is no folder, whatever it is: relative paths with forward slashes. */
export async function namesBelow(root: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { name, entry } of walk(root)) if (!entry.isDirectory()) names.push(name);
  return names;
}

/** Folder by folder, not in order. */
function* walk(root: string): Generator<{ readonly name: string; readonly entry: Dirent }> {
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(name);
      yield { name, entry };
    }
  }
}

async function filesBelow(root: string, of: 'artifact' | 'source'): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name, entry } of walk(root)) {
    if (entry.isFile()) found.push(name);
    else if (entry.isDirectory()) continue;
    else if (of === 'source' && entry.isSymbolicLink() && (await staysInside(root, join(root, name)))) found.push(name);
    else
      throw failure('MF3005', `${name} is ${kindOf(entry)}`, {
        hint: 'Only plain files and folders can be kept; copy what the link points to.',
      });
  }
  return found.sort();
}

async function staysInside(root: string, link: string): Promise<boolean> {
  const [inside, target] = [await realpath(root), await realpath(link).catch(() => '/')];
  return target.startsWith(`${inside}${sep}`) && (await stat(target)).isFile();
}

function kindOf(entry: { isSymbolicLink(): boolean; isSocket(): boolean }): string {
  if (entry.isSymbolicLink()) return 'a link that leaves its folder';
  return entry.isSocket() ? 'a socket' : 'not a plain file';
}

/** Names that nothing can be at: too long, a loop of links, a zero byte. */
function isNoPath(code: string | undefined): boolean {
  return code !== undefined && ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'ERR_INVALID_ARG_VALUE'].includes(code);
}

/** The digest of a user's file or folder. Missing, or of the other sort: MF1107. `shown` is the path as the user wrote it, `note` is told what a folder holds. */
export async function digestSource(source: Source, shown: string, memory?: DigestMemory, note?: NoteListing): Promise<SourceDigest> {
  const entry = await stat(source.path).catch((error: unknown) => {
    if (isNoPath(errorCode(error))) return undefined;
    throw storeFailure(error, shown, 'read');
  });
  if (entry === undefined)
    throw failure('MF1107', `there is no ${source.source} ${shown}`, { hint: 'Paths are taken from the folder of the configuration.' });
  if (source.source === 'file' && entry.isDirectory()) throw failure('MF1107', `${shown} is a folder, a file is wanted`);
  // Reading a pipe or a device would wait for ever.
  if (source.source === 'file' && !entry.isFile()) throw failure('MF1107', `${shown} is not a plain file`);
  if (source.source === 'folder' && !entry.isDirectory()) throw failure('MF1107', `${shown} is a file, a folder is wanted`);
  try {
    const names = source.source === 'file' ? [basename(source.path)] : await filesBelow(source.path, 'source');
    const files = await digestFiles(source.source === 'file' ? dirname(source.path) : source.path, names, memory);
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    if (source.source === 'file') return { source: 'file', digest: files[0]?.sha256 as string, sizeBytes };
    const text = canonicalJson(files);
    const digest = sha256(text);
    note?.(digest, text);
    return { source: 'folder', digest, sizeBytes };
  } catch (error) {
    throw storeFailure(error, shown, 'read');
  }
}
