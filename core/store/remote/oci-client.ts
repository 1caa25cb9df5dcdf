import { randomBytes } from 'node:crypto';
import { sha256 } from '../../plan/canonical.ts';
import { type Connection, connectTo } from '../../registry/connection.ts';
import { putManifest as putBytes } from '../../registry/manifests.ts';
import { type Blob, uploadBlob } from '../../registry/upload.ts';
import type { RemoteContent, RemotePart, RemoteStore } from '../../spec/remote.ts';
import { bytesOf, chunksOf, sizeOfParts } from './chunks.ts';
import {
  emptyConfig,
  inlineBytes,
  isRemoved,
  keyOfTag,
  manifestOf,
  manifestType,
  type OciManifest,
  removedManifest,
  tagOf,
} from './oci-manifest.ts';

/** A claim that is older belongs to somebody who has died, and must not be acted on by its maker any more. */
const claimLastsMs = 30_000;

export async function openOci(settings: { readonly repository: string; readonly insecure: boolean }): Promise<RemoteStore> {
  const registry = repositoryIn(connectTo(settings));
  const read = (key: string, signal: AbortSignal): Promise<OciManifest | undefined> => readManifest(registry, tagOf(key), signal);
  const write = (key: string, parts: readonly RemotePart[], signal: AbortSignal): Promise<void> => writeKey(registry, key, parts, signal);
  return {
    place: `oci://${settings.repository}`,
    async get(key, signal) {
      const manifest = await read(key, signal);
      return manifest && contentOf(registry, manifest, signal);
    },
    has: async (key, signal) => (await read(key, signal)) !== undefined,
    put: write,
    create: (key, parts, signal) => create(registry, key, () => write(key, parts, signal), signal),
    list: async (prefix, signal) =>
      (await tags(registry, signal))
        .flatMap((tag) => keyOfTag(tag) ?? [])
        .filter((key) => key.startsWith(prefix))
        .sort(),
    remove: (key, signal) => remove(registry, tagOf(key), signal),
    now: () => registry.clock.now(),
    close: () => undefined,
  };
}

interface Repository extends Connection {
  /** Puts the empty blob there that every manifest names. */
  begun(signal: AbortSignal): Promise<void>;
}

function repositoryIn(registry: Connection): Repository {
  let empty: Promise<void> | undefined;
  const repository: Repository = {
    ...registry,
    begun(signal) {
      empty ??= uploadBlob(repository, emptyBlob, { signal }).then(
        () => undefined,
        (error: unknown) => {
          empty = undefined;
          throw error;
        },
      );
      return empty;
    },
  };
  return repository;
}

const emptyBlob: Blob = {
  ...emptyConfig,
  async *read(fromByte) {
    yield Buffer.from('{}').subarray(fromByte);
  },
};

/**
 * A registry cannot say "only if it is not there". So each contender puts up a claim of its own, then looks at the claims of all: of two, at
 * least one sees the other and withdraws. Both may; then both are told no, and try again after pauses of different lengths.
 */
async function create(registry: Repository, key: string, write: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
  const tag = tagOf(key);
  if ((await readManifest(registry, tag, signal)) !== undefined) return false;
  const claims = `claim-${sha256(key).slice(0, 24)}-`;
  const mine = `${claims}${randomBytes(8).toString('hex')}`;
  const began = performance.now();
  await putManifest(
    registry,
    mine,
    manifestOf({ key: mine, layers: [], inline: Buffer.from((registry.clock.now() ?? new Date()).toISOString()) }),
    signal,
  );
  try {
    const others = (await tags(registry, signal)).filter((each) => each.startsWith(claims) && each !== mine);
    for (const other of others) if (await isLiveClaim(registry, other, signal)) return false;
    if ((await readManifest(registry, tag, signal)) !== undefined) return false;
    if (performance.now() - began > claimLastsMs / 2) return false;
    await write();
    return true;
  } finally {
    await remove(registry, mine, signal).catch(() => undefined);
  }
}

async function isLiveClaim(registry: Repository, tag: string, signal: AbortSignal): Promise<boolean> {
  const claim = await readManifest(registry, tag, signal);
  const at = claim && Date.parse(inlineBytes(claim)?.toString('utf8') ?? '');
  return at !== undefined && (registry.clock.now()?.getTime() ?? 0) - at < claimLastsMs;
}

async function writeKey(registry: Repository, key: string, parts: readonly RemotePart[], signal: AbortSignal): Promise<void> {
  const manifest = await describe(key, parts);
  if (inlineBytes(manifest) === undefined)
    for (const part of parts) {
      const blob = { digest: `sha256:${part.sha256}`, size: part.sizeBytes, read: (fromByte: number) => bytesOf([part], fromByte) };
      await uploadBlob(registry, blob, { signal });
    }
  await putManifest(registry, tagOf(key), manifest, signal);
}

/** What is small lies in the manifest itself, so that reading it is one request. */
const inlineUpToBytes = 64 << 10;

async function describe(key: string, parts: readonly RemotePart[]): Promise<OciManifest> {
  if (parts.length > 1 || sizeOfParts(parts) > inlineUpToBytes) return manifestOf({ key, layers: parts });
  const { value } = await chunksOf(parts, inlineUpToBytes + 1).next();
  return manifestOf({ key, layers: [], inline: value ?? Buffer.alloc(0) });
}

async function putManifest(registry: Repository, tag: string, manifest: OciManifest, signal: AbortSignal): Promise<void> {
  await registry.begun(signal);
  await putBytes(registry, tag, { bytes: Buffer.from(JSON.stringify(manifest)), mediaType: manifestType }, signal);
}

async function readManifest(registry: Repository, tag: string, signal: AbortSignal): Promise<OciManifest | undefined> {
  const answer = await registry.read(`/manifests/${tag}`, { signal, headers: { accept: manifestType } });
  const manifest = answer?.body as OciManifest | undefined;
  return manifest === undefined || isRemoved(manifest) ? undefined : manifest;
}

function contentOf(registry: Repository, manifest: OciManifest, signal: AbortSignal): RemoteContent {
  const inline = inlineBytes(manifest);
  const sizeBytes = inline?.length ?? manifest.layers.reduce((sum, layer) => sum + layer.size, 0);
  async function* bytes(): AsyncGenerator<Uint8Array> {
    if (inline) return yield inline;
    for (const { digest, size } of manifest.layers) {
      if (size === 0) continue;
      const { body } = await registry.request('GET', `/blobs/${digest}`, { signal, accept: [200] });
      if (body) yield* body as unknown as AsyncIterable<Uint8Array>;
    }
  }
  return { sizeBytes, bytes: bytes() };
}

async function tags(registry: Repository, signal: AbortSignal): Promise<readonly string[]> {
  const found: string[] = [];
  for (let at: string | undefined = '/tags/list?n=1000'; at !== undefined; ) {
    const answer = await registry.read(at, { signal });
    // A repository comes into being with the first push.
    if (answer === undefined) return [];
    found.push(...((answer.body as { readonly tags?: readonly string[] | null }).tags ?? []));
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(answer.link ?? '')?.[1];
    at = next === undefined ? undefined : new URL(next, answer.url).href;
  }
  return found;
}

/** Not every registry lets one delete; a manifest that says so takes the place of what is gone. */
async function remove(registry: Repository, tag: string, signal: AbortSignal): Promise<void> {
  const head = await registry.request('HEAD', `/manifests/${tag}`, { signal, accept: [200, 404], headers: { accept: manifestType } });
  if (head.status === 404) return;
  const digest = head.headers.get('docker-content-digest');
  const gone =
    digest === null
      ? undefined
      : await registry.request('DELETE', `/manifests/${digest}`, { signal, accept: [200, 202, 400, 401, 403, 404, 405] });
  if (gone?.status === 200 || gone?.status === 202 || gone?.status === 404) return;
  await putManifest(registry, tag, removedManifest(tag), signal);
}
