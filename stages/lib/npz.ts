import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { failure, ModelflowError } from '../../core/index.ts';
import { looksLike } from './looks-like.ts';
import { maxHeaderBytes, type NpyHeader, parseNpyHeader, unreadable } from './npy-header.ts';

/** A .npz archive: zip, stored or deflated, zip64 too. Nothing is unpacked until it is asked for. */
export interface NpzFile {
  /** Names of the arrays, without `.npy`, in the order of the archive. */
  readonly names: readonly string[];
  /** Type and shape of an array; only the beginning of it is unpacked. */
  header(name: string): Promise<NpyHeader>;
  /** Unpack an array to a .npy file that does not exist yet; its length and checksum are verified. */
  extract(name: string, path: string, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** Above this size an array must not be packed more tightly than `maxRatio`: no real data is, and a zip bomb always. */
const suspectBytes = 2 ** 30;
const maxRatio = 250;
const maxTotalBytes = 2 ** 36;
const maxEntries = 10_000;

/** Open a .npz archive and check its table of contents. MF3106 when it is no zip archive of arrays, encrypted, damaged or a zip bomb. */
export async function openNpz(path: string): Promise<NpzFile> {
  const archive = basename(path);
  await checkSignature(path, archive);
  const yauzl = await import('yauzl');
  const zip = await yauzl.default.openPromise(path, { autoClose: false, lazyEntries: true }).catch(damaged(archive));
  try {
    const entries = checkEntries(await entriesOf(zip, archive), zip.fileSize, archive);
    return npzFile(zip, entries, archive);
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function checkSignature(path: string, archive: string): Promise<void> {
  const handle = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(archive, `cannot be opened (${cause.code})`, undefined, cause);
  });
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(64), 0, 64, 0);
    const head = buffer.subarray(0, bytesRead);
    if (head[0] === 0x50 && head[1] === 0x4b) return;
    throw unreadable(
      archive,
      `not a .npz archive; it looks like ${looksLike(head)}`,
      'Write it with numpy.savez or numpy.savez_compressed.',
    );
  } finally {
    await handle.close();
  }
}

async function entriesOf(zip: ZipFile, archive: string): Promise<readonly Entry[]> {
  if (zip.entryCount > maxEntries) throw unreadable(archive, `${zip.entryCount} entries are more than ${maxEntries}`);
  const entries: Entry[] = [];
  try {
    for await (const entry of zip.eachEntry()) entries.push(entry);
  } catch (cause) {
    damaged(archive)(cause);
  }
  return entries;
}

function checkEntries(entries: readonly Entry[], fileBytes: number, archive: string): ReadonlyMap<string, Entry> {
  const arrays = entries.filter((entry) => entry.fileName.endsWith('.npy'));
  const byName = new Map(arrays.map((entry) => [entry.fileName.slice(0, -'.npy'.length), entry]));
  if (byName.size < arrays.length) throw unreadable(archive, 'two arrays have the same name');
  if (byName.size === 0) {
    const found = entries.slice(0, 5).map((entry) => entry.fileName);
    throw unreadable(archive, `a zip archive without a single .npy array in it (${found.join(', ') || 'empty'})`);
  }
  const packed = arrays.reduce((sum, entry) => sum + entry.compressedSize, 0);
  const unpacked = arrays.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  if (packed > fileBytes) throw unreadable(archive, 'its entries overlap, as in a zip bomb');
  if (unpacked > maxTotalBytes) throw unreadable(archive, `${unpacked} bytes when unpacked are more than ${maxTotalBytes}`);
  for (const entry of arrays) checkEntry(entry, archive);
  return byName;
}

function checkEntry(entry: Entry, archive: string): void {
  const { fileName, compressedSize, uncompressedSize, compressionMethod } = entry;
  if (entry.isEncrypted()) throw unreadable(archive, `${fileName} is encrypted`);
  if (compressionMethod !== 0 && compressionMethod !== 8)
    throw unreadable(archive, `${fileName} is compressed by method ${compressionMethod}; stored and deflated are known`);
  if (uncompressedSize > suspectBytes && uncompressedSize > compressedSize * maxRatio)
    throw unreadable(
      archive,
      `${fileName} would grow from ${compressedSize} to ${uncompressedSize} bytes, as in a zip bomb`,
      'If the data is what it should be, save it with numpy.savez, uncompressed.',
    );
}

function npzFile(zip: ZipFile, entries: ReadonlyMap<string, Entry>, archive: string): NpzFile {
  const find = (name: string): Entry => {
    const entry = entries.get(name);
    if (!entry) throw unreadable(archive, `no array named ${name}; there are ${[...entries.keys()].join(', ')}`);
    return entry;
  };
  const header = async (name: string): Promise<NpyHeader> => {
    const entry = find(name);
    const label = `${archive}: ${entry.fileName}`;
    const found = parseNpyHeader(await beginningOf(zip, entry, archive), label);
    const missing = found.dataOffset + found.dataBytes - entry.uncompressedSize;
    if (missing > 0) throw unreadable(label, `the array is cut short by ${missing} bytes`);
    return found;
  };
  return {
    names: [...entries.keys()],
    header,
    async extract(name, path, signal) {
      await header(name);
      const entry = find(name);
      await unpack(zip, entry, createWriteStream(path, { flags: 'wx' }), archive, signal);
    },
    close: () => zip.close(),
  };
}

async function beginningOf(zip: ZipFile, entry: Entry, archive: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= maxHeaderBytes) break;
    }
  } catch (cause) {
    damaged(archive)(cause);
  }
  return Buffer.concat(chunks);
}

async function unpack(zip: ZipFile, entry: Entry, to: Writable, archive: string, signal: AbortSignal | undefined): Promise<void> {
  let sum = 0;
  const check = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      sum = crc32(chunk, sum);
      done(null, chunk);
    },
    flush(done) {
      done(sum === entry.crc32 ? null : unreadable(archive, `${entry.fileName} is damaged: its checksum does not match`));
    },
  });
  const source: Readable = await zip.openReadStreamPromise(entry).catch(damaged(archive));
  await pipeline(source, check, to, { ...(signal ? { signal } : {}) }).catch((cause: unknown) => {
    if (signal?.aborted) throw cause;
    return damaged(archive)(cause);
  });
}

/** What the zip reader throws speaks of the archive; what the disk throws does not. */
function damaged(archive: string): (cause: unknown) => never {
  return (cause) => {
    if (cause instanceof ModelflowError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw failure('MF6002', `the disk is full while ${archive} is unpacked`, { hint: 'Make room and run again.', cause });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(archive, `the archive is damaged: ${why}`, 'Write it again, or copy it again from where it came.', cause);
  };
}
