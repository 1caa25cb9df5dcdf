import { createHash, randomBytes } from 'node:crypto';
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { failure, ModelflowError } from '../spec/diagnostic.ts';
import { RemoteError } from '../spec/remote.ts';
import type { Connection } from './connection.ts';
import { type Descriptor, isElsewhere, isIndex } from './document.ts';
import { blobPath, finishLayout, makeBlobFolder } from './layout.ts';
import { type Held, mustGetManifest } from './manifests.ts';
import { withTries } from './patience.ts';
import type { Pulled, RegistrySettings } from './registry.ts';

export async function pull(
  registry: Connection,
  settings: RegistrySettings,
  reference: string,
  platform: string,
  into: string,
): Promise<Pulled> {
  const { signal, log, repository } = settings;
  const top = await mustGetManifest(registry, reference, signal);
  const manifest = isIndex(top.content) ? await forPlatform(registry, settings, top, platform) : top;
  await makeBlobFolder(into);
  await writeFile(blobPath(into, manifest.descriptor.digest), manifest.bytes);
  const { config, layers = [] } = manifest.content;
  const blobs = new Map([...layers, ...(config ? [config] : [])].filter((each) => !isElsewhere(each)).map((each) => [each.digest, each]));
  const totalBytes = [...blobs.values()].reduce((sum, { size }) => sum + size, 0);
  const count = { fetchedBytes: 0, cachedBytes: 0 };
  for (const blob of blobs.values()) {
    const isKept = await fetchBlob(registry, settings, blob, into);
    count[isKept ? 'cachedBytes' : 'fetchedBytes'] += blob.size;
    log?.progress((count.fetchedBytes + count.cachedBytes) / Math.max(1, totalBytes), `pulling ${repository}`);
  }
  const [os = 'linux', architecture = 'amd64', variant] = platform.split('/');
  const described = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  await finishLayout(into, { ...manifest.descriptor, platform: described });
  return { digest: manifest.descriptor.digest, indexDigest: top.descriptor.digest, ...count };
}

async function forPlatform(registry: Connection, { signal, repository }: RegistrySettings, top: Held, platform: string): Promise<Held> {
  const [os, architecture, variant] = platform.split('/');
  const all = top.content.manifests ?? [];
  const found = all.find(
    ({ platform: its }) =>
      its?.os === os &&
      its?.architecture === architecture &&
      (variant === undefined || its?.variant === undefined || its.variant === variant),
  );
  if (found === undefined) {
    const names = all.flatMap(({ platform: its }) => (its && its.os !== 'unknown' ? [`${its.os}/${its.architecture}`] : []));
    throw failure(
      'MF3248',
      `${repository}@${top.descriptor.digest} is there for ${[...new Set(names)].join(', ') || 'no platform'}, and not for ${platform}`,
      {
        hint: 'Choose another image or another platform.',
      },
    );
  }
  return mustGetManifest(registry, found.digest, signal);
}

/** True when the bytes were at hand. They are checked either way: what was kept may have rotted. */
async function fetchBlob(
  registry: Connection,
  { signal, cacheFolder }: RegistrySettings,
  blob: Descriptor,
  into: string,
): Promise<boolean> {
  const target = blobPath(into, blob.digest);
  const kept = cacheFolder === undefined ? undefined : blobPath(cacheFolder, blob.digest);
  if (kept !== undefined && (await hasDigest(kept, blob.digest))) {
    await copyFile(kept, target, constants.COPYFILE_FICLONE);
    return true;
  }
  await withTries(() => download(registry, blob, target, signal), registry.patience, signal);
  if (kept !== undefined) await keep(target, kept);
  return false;
}

async function download(registry: Connection, { digest, size }: Descriptor, target: string, signal: AbortSignal): Promise<void> {
  const { body, headers } = await registry.request('GET', `/blobs/${digest}`, { signal, accept: [200] });
  const hash = createHash('sha256');
  let bytes = 0;
  async function* checked(): AsyncGenerator<Uint8Array> {
    for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>) {
      hash.update(piece);
      bytes += piece.length;
      // Not a byte more than was announced lands on the disk.
      if (bytes > size) throw mismatch(digest, `more than its ${size} bytes come`);
      yield piece;
    }
  }
  try {
    await pipeline(checked, createWriteStream(target), { signal });
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ModelflowError || isOfDisk(cause)) throw cause;
    throw new RemoteError('unreachable', 'the connection broke in the middle of a blob', { cause });
  }
  const found = `sha256:${hash.digest('hex')}`;
  const isBroken = bytes < size && headers.get('content-length') !== String(bytes);
  if (isBroken) throw new RemoteError('unreachable', `the connection ended after ${bytes} of ${size} bytes of a blob`);
  if (found !== digest) throw mismatch(digest, `its bytes are ${found}`);
}

function mismatch(digest: string, why: string): ModelflowError {
  return failure('MF3245', `the registry sends other bytes than it has announced for ${digest}: ${why}`, {
    hint: 'Nothing of it is used. A proxy or cache on the way may be at fault; push the image again if the registry is.',
  });
}

function isOfDisk(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && /^(open|write|close)$/.test(String(error.syscall));
}

async function hasDigest(path: string, digest: string): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch {
    return false;
  }
  return `sha256:${hash.digest('hex')}` === digest;
}

/** What only saves time next time must not fail this time. */
async function keep(from: string, to: string): Promise<void> {
  const attempt = `${to}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, attempt, constants.COPYFILE_FICLONE);
    await rename(attempt, to);
  } catch {
    await rm(attempt, { force: true }).catch(() => undefined);
  }
}
