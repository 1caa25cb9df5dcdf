import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Extract } from 'tar-stream';
import { failure } from '../../core/index.ts';
import { type Elf, readElf } from './elf.ts';

/** What a base has of what an image needs. */
export interface BaseContents {
  /** Path of its Node; undefined when it has none. */
  readonly node: string | undefined;
  /** Version of its GNU C library, such as 2.36. */
  readonly libc: string | undefined;
  /** Names of the libraries in the folders where the linker looks. */
  readonly libraries: ReadonlySet<string>;
  /** Of the files in each layer. */
  readonly layerBytes: readonly number[];
}

interface LayerFile {
  readonly path: string;
  readonly mediaType: string;
}

interface Found {
  readonly layer: LayerFile;
  readonly name: string;
  readonly linkTo: string | undefined;
}

/** The merged file system of some layers: only names and links, read once. */
interface Merged {
  readonly files: ReadonlyMap<string, Found>;
  readonly layerBytes: readonly number[];
}

const libraryFolders = /^(usr\/)?(lib|lib64|lib\/(x86_64|aarch64)-linux-gnu)\/[^/]+\.so(\.\d+)*$/;

/** Reads the layers of a base. MF3212 when its C library will not do, MF3213 when its Node is too old. */
export async function examineBase(
  layers: readonly LayerFile[],
  { scratch, env, reference }: { readonly scratch: string; readonly env: Readonly<Record<string, string>>; readonly reference: string },
): Promise<BaseContents> {
  const { files, layerBytes } = await mergedFiles(layers);
  const names = [...files.keys()].filter((path) => libraryFolders.test(path)).map((path) => posix.basename(path));
  const found = { libraries: new Set(names), layerBytes };
  const folders = [...(env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':'), '/nodejs/bin'];
  const node = folders.map((folder) => resolved(files, posix.join(folder, 'node'))).find((path) => path !== undefined);
  const libc = resolved(files, 'lib/libc.so.6', names.includes('libc.so.6') ? [...files.keys()].find(isLibc) : undefined);
  const version = libc === undefined ? undefined : libcVersion(await unpacked(files, libc, join(scratch, 'libc')));
  const musl = [...files.keys()].some((path) => /^lib\/ld-musl-/.test(path));
  const elf = node === undefined ? undefined : await readElf(await unpackTo(files, node, join(scratch, 'node')));
  refuseMusl(reference, elf, version, musl);
  if (node === undefined || elf === undefined) return { ...found, node: undefined, libc: version };
  refuseOldNode(reference, await nodeVersion(join(scratch, 'node')));
  return { ...found, node: `/${node}`, libc: version };
}

function isLibc(path: string): boolean {
  return libraryFolders.test(path) && path.endsWith('/libc.so.6');
}

function refuseMusl(reference: string, node: Elf | undefined, libc: string | undefined, hasMusl: boolean): void {
  const isMusl = node?.interpreter?.includes('musl') ?? (libc === undefined && hasMusl);
  if (!isMusl && libc !== undefined) return;
  const why = isMusl ? 'it is built on musl' : 'it has none';
  throw failure('MF3212', `The base ${reference} cannot run the model: onnxruntime needs the GNU C library, and ${why}`, {
    hint: "Use a base with the GNU C library, such as `node:24-slim`, a distroless `nodejs24`, or `base: 'host'`.",
  });
}

/** The releases that the server is tested on: `engines` of package.json. */
function refuseOldNode(reference: string, version: string | undefined): void {
  const [major = 0, minor = 0] = (version ?? '0.0').split('.').map(Number);
  if (major >= 24 || (major === 22 && minor >= 19)) return;
  throw failure(
    'MF3213',
    `The Node in the base ${reference} is ${version ?? 'of an unknown version'}, and the server needs 22.19 or newer of 22, or 24 and newer`,
    {
      hint: 'Take a newer tag of the base, or a base without Node: then the Node that runs modelflow is added.',
    },
  );
}

async function mergedFiles(layers: readonly LayerFile[]): Promise<Merged> {
  const files = new Map<string, Found>();
  const layerBytes: number[] = [];
  for (const layer of layers) {
    const own = new Map<string, Found>();
    let bytes = 0;
    for await (const { header } of entriesOf(layer)) {
      const name = header.name.replace(/^(\.?\/)+/, '').replace(/\/$/, '');
      const hidden = posix.basename(name).startsWith('.wh.') ? posix.join(posix.dirname(name), posix.basename(name).slice(4)) : undefined;
      if (hidden === undefined) {
        const linkTo =
          header.type === 'symlink' ? (header.linkname ?? '') : header.type === 'link' ? `/${header.linkname ?? ''}` : undefined;
        own.set(name, { layer, name: header.name, linkTo });
        bytes += header.size ?? 0;
      } else for (const path of [...files.keys()]) if (isBelow(path, hidden)) files.delete(path);
    }
    for (const [path, entry] of own) files.set(path, entry);
    layerBytes.push(bytes);
  }
  return { files, layerBytes };
}

/** `.wh..wh..opq` hides everything in its folder, `.wh.name` one path. */
function isBelow(path: string, hidden: string): boolean {
  const top = hidden.endsWith('.wh..opq') ? posix.dirname(hidden) : hidden;
  return path === top || path.startsWith(`${top}/`);
}

/** Where a path leads in the end, folders that are links included; undefined where nothing is. */
function resolved(files: ReadonlyMap<string, Found>, ...candidates: readonly (string | undefined)[]): string | undefined {
  for (const candidate of candidates) {
    const end = candidate === undefined ? undefined : follow(files, candidate, 40);
    if (end !== undefined) return end;
  }
  return undefined;
}

function follow(files: ReadonlyMap<string, Found>, path: string, left: number): string | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  for (let count = 1; count <= parts.length; count += 1) {
    const at = parts.slice(0, count).join('/');
    const { linkTo } = files.get(at) ?? {};
    if (linkTo === undefined) continue;
    if (left === 0) return undefined;
    const target = linkTo.startsWith('/') ? linkTo : posix.join(posix.dirname(at), linkTo);
    return follow(files, posix.join(target, ...parts.slice(count)).replace(/^\/+/, ''), left - 1);
  }
  const whole = parts.join('/');
  return files.has(whole) ? whole : undefined;
}

/** Takes one file out of its layer. */
async function unpackTo(files: ReadonlyMap<string, Found>, path: string, to: string): Promise<string> {
  const found = files.get(path);
  if (found === undefined) throw new Error(`${path} is in no layer`);
  for await (const entry of entriesOf(found.layer)) if (entry.header.name === found.name) await pipeline(entry, createWriteStream(to));
  return to;
}

async function unpacked(files: ReadonlyMap<string, Found>, path: string, to: string): Promise<Buffer> {
  return readFile(await unpackTo(files, path, to));
}

type Entry = Extract extends AsyncIterable<infer E> ? E : never;

/** Each must be read or left before the next comes. */
async function* entriesOf({ path, mediaType }: LayerFile): AsyncGenerator<Entry> {
  const { extract } = await import('tar-stream');
  const { createGunzip, createZstdDecompress } = await import('node:zlib');
  const unpack = mediaType.endsWith('gzip') ? createGunzip() : mediaType.endsWith('zstd') ? createZstdDecompress() : new PassThrough();
  const tar = extract();
  const done = pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), unpack, tar);
  // Who stops reading in the middle ends the stream; what else goes wrong comes out of the loop.
  done.catch(() => undefined);
  for await (const entry of tar) {
    yield entry;
    entry.resume();
  }
}

function libcVersion(libc: Buffer): string | undefined {
  return /GNU C Library [^\n]*?version (\d+\.\d+)/.exec(libc.toString('latin1'))?.[1];
}

/** Node carries its name and version for its own HTTP side. */
async function nodeVersion(path: string): Promise<string | undefined> {
  let tail = '';
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 22 })) {
    const text = tail + (piece as Buffer).toString('latin1');
    const [, version] = /node\.js\/v(\d+\.\d+\.\d+)/.exec(text) ?? [];
    if (version !== undefined) return version;
    tail = text.slice(-64);
  }
  return undefined;
}
