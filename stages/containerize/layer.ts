import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cacheFolderIfAny } from '../../core/index.ts';
import type { LayerEntry } from './entry.ts';

export type LayerRole = 'base' | 'runtime' | 'app' | 'model';

/** A layer whose bytes lie under its digest. */
export interface Layer {
  readonly role: LayerRole;
  readonly mediaType: string;
  readonly digest: string;
  /** Of the tar without compression: that is how an unpacked layer is known. */
  readonly diffId: string;
  readonly sizeBytes: number;
  readonly unpackedBytes: number;
}

/** Weights hardly get smaller, and this compressor does about 20 MB a second: a large model goes as it is. */
const mostCompressedBytes = 32 * 1024 * 1024;

/** Part of the name in the cache: raise it when the same tar would be compressed to other bytes. */
const compressor = 'fflate-6';

/** A tar, as often as it is asked for. */
interface Tar {
  readonly role: LayerRole;
  readonly unpackedBytes: number;
  open(): Promise<Readable>;
}

interface BlobsAt {
  readonly blobs: string;
  readonly signal: AbortSignal;
}

/**
 * Packs the entries as a layer into `blobs`, under its digest. The bytes depend on the paths, contents and the executable bit, and on nothing
 * else: not on the order, times, owners and modes here, nor on the zlib that this Node was built with.
 */
export function buildLayer(role: LayerRole, entries: readonly LayerEntry[], at: BlobsAt): Promise<Layer> {
  const all = withFolders(entries);
  const unpackedBytes = all.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.content.sizeBytes : 0), 0);
  return layerOfTar({ role, unpackedBytes, open: () => packed(all) }, at);
}

/** Puts a tar into `blobs` under its digest, compressed unless it is a large model. The same tar gives the same bytes. */
export async function layerOfTar({ role, unpackedBytes, open }: Tar, { blobs, signal }: BlobsAt): Promise<Layer> {
  const plain = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of await open()) {
    signal.throwIfAborted();
    plain.update(piece as Uint8Array);
    sizeBytes += (piece as Uint8Array).length;
  }
  const diffId = plain.digest('hex');
  const known = { role, diffId: `sha256:${diffId}`, unpackedBytes };
  if (role === 'model' && sizeBytes > mostCompressedBytes) {
    await pipeline(await open(), createWriteStream(join(blobs, diffId)), { signal });
    return { ...known, mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${diffId}`, sizeBytes };
  }
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const cached = role === 'model' ? undefined : await takeFromCache(diffId, blobs);
  if (cached !== undefined) return { ...known, mediaType, ...cached };
  const made = await compress(await open(), blobs, signal);
  if (role !== 'model') await putIntoCache(diffId, blobs, made.digest);
  return { ...known, mediaType, ...made };
}

/** With every folder on the way, sorted: a folder comes before what is in it. */
function withFolders(entries: readonly LayerEntry[]): readonly LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const { path } of entries) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
      byPath.set(folder, { path: folder, kind: 'folder', mode: 0o755 });
  }
  for (const entry of entries) byPath.set(entry.path, entry);
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function packed(entries: readonly LayerEntry[]): Promise<Readable> {
  const { pack } = await import('tar-stream');
  const tar = pack();
  const owner = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };
  const writeAll = async (): Promise<void> => {
    for (const entry of entries) {
      if (entry.kind === 'folder') tar.entry({ ...owner, name: `${entry.path}/`, type: 'directory', mode: entry.mode });
      else if (entry.kind === 'link') tar.entry({ ...owner, name: entry.path, type: 'symlink', linkname: entry.to, mode: 0o777 });
      else {
        const mode = entry.isExecutable ? 0o755 : 0o644;
        const sink = tar.entry({ ...owner, name: entry.path, type: 'file', size: entry.content.sizeBytes, mode });
        await pipeline(Readable.from(entry.content.read()), sink);
      }
    }
    tar.finalize();
  };
  writeAll().catch((cause: unknown) => tar.destroy(cause instanceof Error ? cause : new Error(String(cause))));
  return Readable.from(tar);
}

/** By fflate and not by zlib: two versions of Node have two zlibs, which make two files of the same bytes. */
async function compress(tar: Readable, blobs: string, signal: AbortSignal): Promise<Pick<Layer, 'digest' | 'sizeBytes'>> {
  const { Gzip } = await import('fflate');
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const gzip = new Gzip({ level: 6, mtime: 0 });
  const squeeze = new Transform({
    async transform(piece: Uint8Array, _, done) {
      // Each piece takes some milliseconds; progress and signals come in between.
      await nextTurn();
      gzip.push(piece);
      done();
    },
    flush(done) {
      gzip.push(new Uint8Array(0), true);
      done();
    },
  });
  gzip.ondata = (piece) => {
    hash.update(piece);
    sizeBytes += piece.length;
    squeeze.push(piece);
  };
  const draft = join(blobs, `.${process.pid}-${Math.random().toString(36).slice(2)}`);
  await pipeline(tar, squeeze, createWriteStream(draft), { signal });
  const digest = hash.digest('hex');
  await rename(draft, join(blobs, digest));
  return { digest: `sha256:${digest}`, sizeBytes };
}

/** In the user's cache under the digest of the tar: the compressed bytes, and their digest beside them. Damaged ones are made anew. */
async function takeFromCache(diffId: string, blobs: string): Promise<Pick<Layer, 'digest' | 'sizeBytes'> | undefined> {
  const folder = cacheFolderIfAny('layers');
  if (folder === undefined) return undefined;
  const file = join(folder, `${diffId}.${compressor}`);
  try {
    const hex = await readFile(`${file}.sha256`, 'utf8');
    if ((await hashFile(file)) !== hex) return undefined;
    await copyFile(file, join(blobs, hex), constants.COPYFILE_FICLONE);
    return { digest: `sha256:${hex}`, sizeBytes: (await stat(file)).size };
  } catch {
    // Not there yet, or not to be read: the layer is made anew.
    return undefined;
  }
}

/** Only saves time, so a home that cannot be written to must not stop anybody. */
async function putIntoCache(diffId: string, blobs: string, digest: string): Promise<void> {
  const folder = cacheFolderIfAny('layers');
  if (folder === undefined) return;
  const hex = digest.slice('sha256:'.length);
  const file = join(folder, `${diffId}.${compressor}`);
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await copyFile(join(blobs, hex), draft, constants.COPYFILE_FICLONE);
    await rename(draft, file);
    await writeFile(`${file}.sha256`, hex);
  } catch {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** sha256 in hex of a file's bytes. */
export async function hashFile(path: string): Promise<string> {
  const hash: Hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
