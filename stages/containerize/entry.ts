import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readElf, withoutSections } from './elf.ts';

/** Bytes that are read when they are needed, once or twice. */
export interface Content {
  readonly sizeBytes: number;
  read(): AsyncIterable<Uint8Array>;
}

/** One path of a layer, without a slash in front. Everything belongs to root; folders on the way to it come by themselves. */
export type LayerEntry = { readonly path: string } & (
  | { readonly kind: 'file'; readonly content: Content; readonly isExecutable?: boolean }
  | { readonly kind: 'folder'; readonly mode: number }
  | { readonly kind: 'link'; readonly to: string }
);

export function textFile(path: string, text: string): LayerEntry {
  const bytes = Buffer.from(text);
  return {
    path,
    kind: 'file',
    content: {
      sizeBytes: bytes.length,
      async *read() {
        yield bytes;
      },
    },
  };
}

/** A file of this machine. Of its mode nothing is taken over: umask and user of whoever made it do not count. */
export async function diskFile(path: string, from: string, isExecutable = false): Promise<LayerEntry> {
  const { size } = await stat(from);
  return { path, kind: 'file', isExecutable, content: { sizeBytes: size, read: () => createReadStream(from, { highWaterMark: 1 << 20 }) } };
}

/** A program or library without what only debuggers read. */
export async function nativeFile(path: string, from: string): Promise<LayerEntry> {
  const elf = await readElf(from);
  if (elf === undefined || elf.loadedBytes === elf.sizeBytes) return diskFile(path, from, true);
  const { loadedBytes } = elf;
  const read = async function* (): AsyncIterable<Uint8Array> {
    const file = await open(from);
    try {
      const head = Buffer.alloc(64);
      await file.read(head, 0, 64, 0);
      yield withoutSections(head);
      yield* file.createReadStream({ start: 64, end: loadedBytes - 1, highWaterMark: 1 << 20, autoClose: false });
    } finally {
      await file.close();
    }
  };
  return { path, kind: 'file', isExecutable: true, content: { sizeBytes: loadedBytes, read } };
}

/** Every file below a folder that is wanted, with native code trimmed. */
export async function filesOf(
  folder: string,
  as: string,
  isWanted: (path: string) => boolean = () => true,
): Promise<readonly LayerEntry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter(isWanted);
  const isNative = (path: string): boolean => /\.(node|so(\.\d+)*)$/.test(path);
  return Promise.all(
    paths.map((path) => (isNative(path) ? nativeFile(`${as}/${path}`, join(folder, path)) : diskFile(`${as}/${path}`, join(folder, path)))),
  );
}
