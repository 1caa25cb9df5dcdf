import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from '../../plan/canonical.ts';
import { type RemoteContent, RemoteError, type RemotePart } from '../../spec/remote.ts';
import type { ArtifactManifest } from '../artifacts.ts';

/** What travels of an artifact: its manifest, preceded by its length, and the bytes of its files in the manifest's order. */
const mark = 'modelflow-pack-1 ';
const longestHeadBytes = 64 << 20;

export function textPart(name: string, text: string): RemotePart {
  const bytes = Buffer.from(text, 'utf8');
  return {
    name,
    sizeBytes: bytes.length,
    sha256: sha256(text),
    async *open() {
      yield bytes;
    },
  };
}

/** An artifact as the parts that a remote store takes; `folder` holds its files. */
export function packOf(manifest: string, folder: string): readonly RemotePart[] {
  const { files } = manifestIn(manifest);
  return [
    textPart('manifest.json', `${mark}${Buffer.byteLength(manifest)}\n${manifest}`),
    ...files.map(
      (file): RemotePart => ({
        name: file.path,
        sizeBytes: file.sizeBytes,
        sha256: file.sha256,
        open: () => checked(join(folder, file.path), file.sha256),
      }),
    ),
  ];
}

/** What has gone bad on this disk is not handed on to other machines. */
async function* checked(path: string, wanted: string): AsyncGenerator<Uint8Array> {
  const sum = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    sum.update(piece as Buffer);
    yield piece as Buffer;
  }
  if (sum.digest('hex') !== wanted) throw new RemoteError('wrong', `${path} is damaged on this machine`);
}

/** Paths come from elsewhere: none may leave the folder that is unpacked into. */
function manifestIn(text: string): ArtifactManifest {
  const manifest = JSON.parse(text) as ArtifactManifest;
  const odd = manifest.files.find(
    ({ path }) => path.startsWith('/') || path.split('/').some((name) => name === '' || name === '.' || name === '..'),
  );
  if (odd) throw new RemoteError('wrong', `its manifest names the file ${JSON.stringify(odd.path)}`);
  return manifest;
}

/** The manifest alone: the rest of the pack is not fetched. Fails when it is not the one that the digest means. */
export async function manifestOfPack(content: RemoteContent, digest: string): Promise<string> {
  const pieces = piecesOf(content.bytes);
  try {
    return await readHead(pieces, digest);
  } finally {
    await pieces.end();
  }
}

/** Writes the files of a pack into an empty folder. Every byte has been compared with the digest when it resolves. */
export async function unpack(content: RemoteContent, digest: string, folder: string): Promise<ArtifactManifest> {
  const pieces = piecesOf(content.bytes);
  try {
    const manifest = manifestIn(await readHead(pieces, digest));
    for (const file of manifest.files) {
      const path = join(folder, file.path);
      await mkdir(dirname(path), { recursive: true });
      const sum = createHash('sha256');
      const target = await open(path, 'wx');
      try {
        for await (const piece of pieces.take(file.sizeBytes)) {
          sum.update(piece);
          await target.writeFile(piece);
        }
      } finally {
        await target.close();
      }
      if (sum.digest('hex') !== file.sha256) throw new RemoteError('wrong', `the bytes of ${file.path} are not those of the manifest`);
    }
    return manifest;
  } finally {
    await pieces.end();
  }
}

async function readHead(pieces: Pieces, digest: string): Promise<string> {
  const line = await pieces.line(mark.length + 12);
  const sizeBytes = line.startsWith(mark) ? Number(line.slice(mark.length)) : Number.NaN;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > longestHeadBytes)
    throw new RemoteError('wrong', 'it is no pack of modelflow');
  const held: Uint8Array[] = [];
  for await (const piece of pieces.take(sizeBytes)) held.push(piece);
  const text = Buffer.concat(held).toString('utf8');
  if (sha256(text) !== digest) throw new RemoteError('wrong', 'its manifest does not match the digest');
  return text;
}

interface Pieces {
  /** The text up to the next line feed, which is taken as well. */
  line(longest: number): Promise<string>;
  /** The next so many bytes. Fails as `unreachable` when there are fewer: a cut connection looks like that. */
  take(sizeBytes: number): AsyncIterable<Uint8Array>;
  end(): Promise<void>;
}

function piecesOf(bytes: AsyncIterable<Uint8Array>): Pieces {
  const source = bytes[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  const more = async (): Promise<void> => {
    const next = await nextOf(source);
    if (next.done) throw new RemoteError('unreachable', 'the connection ended before the last byte');
    rest = next.value;
  };
  return {
    async line(longest) {
      let text = '';
      for (;;) {
        const end = rest.indexOf(0x0a);
        text += Buffer.from(end < 0 ? rest : rest.subarray(0, end)).toString('latin1');
        if (text.length > longest) throw new RemoteError('wrong', 'it is no pack of modelflow');
        rest = end < 0 ? new Uint8Array(0) : rest.subarray(end + 1);
        if (end >= 0) return text;
        await more();
      }
    },
    async *take(sizeBytes) {
      for (let left = sizeBytes; left > 0; ) {
        if (rest.length === 0) await more();
        const piece = rest.subarray(0, left);
        rest = rest.subarray(piece.length);
        left -= piece.length;
        if (piece.length > 0) yield piece;
      }
    },
    end: async () => void (await source.return?.()),
  };
}

const longestSilenceMs = 30_000;

/** Whatever breaks while bytes come is the connection, and may be better at the next try. */
async function nextOf(source: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RemoteError('unreachable', `nothing came for ${longestSilenceMs / 1_000} s`)), longestSilenceMs);
  });
  try {
    return await Promise.race([source.next(), silence]);
  } catch (error) {
    if (error instanceof RemoteError) throw error;
    throw new RemoteError('unreachable', `the connection broke: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}
