import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';

/** A regular file of an image. */
export interface ScannedFile {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Of files that say what is installed. */
  readonly text?: string;
  /** Of a program or library that says its version in its bytes. */
  readonly says?: string;
}

/** The files of an image as a container sees them, by path without a slash in front. */
export type ImageFiles = ReadonlyMap<string, ScannedFile>;

interface LayerDescriptor {
  readonly mediaType: string;
  readonly digest: string;
}

/** Reads every layer of an OCI layout: what the image has is told from its bytes, however it was made. */
export async function scanImage(oci: string, manifestDigest: string, signal: AbortSignal): Promise<ImageFiles> {
  const blob = (digest: string): string => join(oci, 'blobs', ...digest.split(':'));
  const { layers } = JSON.parse(await readFile(blob(manifestDigest), 'utf8')) as { readonly layers: readonly LayerDescriptor[] };
  const files = new Map<string, ScannedFile>();
  for (const { mediaType, digest } of layers) await readLayer(blob(digest), mediaType, files, signal);
  return files;
}

async function readLayer(path: string, mediaType: string, files: Map<string, ScannedFile>, signal: AbortSignal): Promise<void> {
  const { extract } = await import('tar-stream');
  const unpacked = extract();
  const opener = mediaType.endsWith('gzip') ? [zlib.createGunzip()] : mediaType.endsWith('zstd') ? [zlib.createZstdDecompress()] : [];
  const feeding = pipeline([createReadStream(path), ...opener, unpacked], { signal });
  const reading = (async () => {
    for await (const entry of unpacked) {
      const { name, type, size = 0 } = entry.header;
      const at = name.replace(/^\.?\//, '').replace(/\/$/, '');
      if (isWhiteout(at, files)) entry.resume();
      else if (type === 'file' || type === 'contiguous-file') files.set(at, await readEntry(at, size, entry as AsyncIterable<Uint8Array>));
      else {
        // A link or folder over a file takes its place.
        files.delete(at);
        entry.resume();
      }
    }
  })();
  await Promise.all([feeding, reading]);
}

/** A layer takes away what those below it have by files of special names. */
function isWhiteout(path: string, files: Map<string, ScannedFile>): boolean {
  const [, folder = '', name = ''] = /^(.*\/)?\.wh\.(.+)$/.exec(path) ?? [];
  if (name === '') return false;
  const gone = name === '.wh..opq' ? folder : `${folder}${name}`;
  for (const each of files.keys()) if (each === gone || each.startsWith(gone.endsWith('/') ? gone : `${gone}/`)) files.delete(each);
  return true;
}

const tellsInstalled =
  /(^|\/)package\.json$|^var\/lib\/dpkg\/status(\.d\/[^/]+)?$|^lib\/apk\/db\/installed$|^(etc|usr\/lib)\/os-release$|^app\/licences\.txt$/;
const longestTextBytes = 16 << 20;

async function readEntry(path: string, sizeBytes: number, bytes: AsyncIterable<Uint8Array>): Promise<ScannedFile> {
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  const isText = tellsInstalled.test(path) && sizeBytes <= longestTextBytes;
  const voice = voiceOf(path);
  let says: string | undefined;
  let tail = Buffer.alloc(0);
  for await (const each of bytes) {
    const piece = Buffer.from(each.buffer, each.byteOffset, each.byteLength);
    hash.update(piece);
    if (isText) kept.push(piece);
    if (voice && says === undefined) {
      const window = Buffer.concat([tail, piece]);
      says = voice.exec(window.toString('latin1'))?.[1];
      tail = window.subarray(-256);
    }
  }
  const text = isText ? { text: Buffer.concat(kept).toString('utf8') } : {};
  return { sha256: hash.digest('hex'), sizeBytes, ...text, ...(says === undefined ? {} : { says }) };
}

/** Node names the headers of its release, the C library the package it was built as. */
function voiceOf(path: string): RegExp | undefined {
  if (/(^|\/)bin\/node$|^nodejs\/bin\/node$/.test(path)) return /\/node-v(\d+\.\d+\.\d+)-headers\.tar\.gz/;
  if (/(^|\/)libc\.so\.6$|(^|\/)libc-[\d.]+\.so$/.test(path)) return /GNU C Library \(([^)]+)\)/;
  return undefined;
}
