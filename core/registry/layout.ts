import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, type ModelflowError } from '../spec/diagnostic.ts';
import { type Descriptor, type Document, indexType } from './document.ts';
import type { Blob } from './upload.ts';

/** An OCI image layout on disk. Nothing is believed of it that does not match its digest. */
export interface Layout {
  readonly manifests: readonly Descriptor[];
  /** A manifest or index, with its bytes as they are. */
  document(descriptor: Pick<Descriptor, 'digest'>): Promise<{ readonly bytes: Buffer; readonly content: Document }>;
  blob(descriptor: Descriptor): Promise<Blob>;
}

export async function openLayout(folder: string): Promise<Layout> {
  const index = parsed(await readOr(join(folder, 'index.json'), folder), join(folder, 'index.json'));
  return {
    manifests: index.manifests ?? [],
    async document({ digest }) {
      const bytes = await readOr(blobPath(folder, digest), folder);
      const found = digestOf(bytes);
      if (found !== digest) throw damaged(folder, `the bytes of ${digest} are ${found}`);
      return { bytes, content: parsed(bytes, blobPath(folder, digest)) };
    },
    async blob({ digest, size }) {
      const path = blobPath(folder, digest);
      const found = await stat(path).catch(() => undefined);
      if (found?.size !== size)
        throw damaged(folder, `${digest} should have ${size} bytes, and ${found ? `has ${found.size}` : 'is not there'}`);
      return {
        digest,
        size,
        read: (fromByte) => (fromByte >= size ? noBytes() : createReadStream(path, { start: fromByte, highWaterMark: 1 << 20 })),
      };
    },
  };
}

/** Writes what makes a folder of blobs a layout: last, so that a layout is whole or none. */
export async function finishLayout(folder: string, manifest: Descriptor): Promise<void> {
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [manifest] }));
}

export async function makeBlobFolder(folder: string): Promise<void> {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
}

export function blobPath(folder: string, digest: string): string {
  const hex = /^sha256:([a-f0-9]{64})$/.exec(digest)?.[1];
  // A digest comes from outside: it must not become a path of its own.
  if (hex === undefined) throw damaged(folder, `\`${digest}\` is no digest of sha256`);
  return join(folder, 'blobs', 'sha256', hex);
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

async function readOr(path: string, folder: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw damaged(folder, `${path} cannot be read`, cause);
  }
}

function parsed(bytes: Buffer, path: string): Document {
  try {
    return JSON.parse(bytes.toString('utf8')) as Document;
  } catch (cause) {
    throw damaged(path, 'it is no JSON', cause);
  }
}

function damaged(path: string, why: string, cause?: unknown): ModelflowError {
  return failure('MF3249', `the image layout in ${path} is damaged: ${why}`, {
    hint: 'Make it again; of an artifact, `modelflow run` does when the artifact is taken out of the store.',
    cause,
  });
}
