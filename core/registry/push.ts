import { failure } from '../spec/diagnostic.ts';
import type { Connection } from './connection.ts';
import { type Descriptor, isElsewhere, isIndex } from './document.ts';
import { type Layout, openLayout } from './layout.ts';
import { headManifest, putManifest } from './manifests.ts';
import type { Pushed, PushRequest, RegistrySettings } from './registry.ts';
import { uploadBlob } from './upload.ts';

const blobsAtOnce = 4;

/** `settings.repository` is the whole name; `mountFrom` are repositories of this registry, without its name. */
export async function pushLayout(
  registry: Connection,
  settings: RegistrySettings,
  { folder, tags, digest, mountFrom }: PushRequest,
): Promise<Pushed> {
  const { signal, repository } = settings;
  const layout = await openLayout(folder);
  const root = layout.manifests.find((each) => digest === undefined || each.digest === digest);
  if (root === undefined)
    throw failure('MF3249', `the image layout in ${folder} has no manifest${digest === undefined ? '' : ` ${digest}`}`, {
      hint: 'Make the image again.',
    });
  const { manifests, blobs } = await contentsOf(layout, root);
  const bytes = await sendBlobs(registry, settings, layout, blobs, mountFrom ?? []);
  for (const manifest of manifests) {
    if ((await headManifest(registry, manifest.descriptor.digest, signal)) === undefined)
      await putManifest(registry, manifest.descriptor.digest, { bytes: manifest.bytes, mediaType: manifest.descriptor.mediaType }, signal);
  }
  const { bytes: rootBytes } = await layout.document(root);
  for (const tag of tags) {
    if ((await headManifest(registry, tag, signal))?.digest !== root.digest)
      await putManifest(registry, tag, { bytes: rootBytes, mediaType: root.mediaType }, signal);
  }
  return { digest: root.digest, reference: `${repository}@${root.digest}`, ...bytes };
}

interface Contents {
  /** Each behind all that it names. */
  readonly manifests: readonly { readonly descriptor: Descriptor; readonly bytes: Buffer }[];
  readonly blobs: readonly Descriptor[];
}

async function contentsOf(layout: Layout, root: Descriptor): Promise<Contents> {
  const manifests = new Map<string, { readonly descriptor: Descriptor; readonly bytes: Buffer }>();
  const blobs = new Map<string, Descriptor>();
  const walk = async (descriptor: Descriptor): Promise<void> => {
    if (manifests.has(descriptor.digest)) return;
    const { bytes, content } = await layout.document(descriptor);
    if (isIndex(content)) for (const each of content.manifests ?? []) await walk(each);
    for (const each of [...(content.layers ?? []), ...(content.config ? [content.config] : [])])
      if (!isElsewhere(each)) blobs.set(each.digest, each);
    manifests.set(descriptor.digest, { descriptor, bytes });
  };
  await walk(root);
  return { manifests: [...manifests.values()], blobs: [...blobs.values()] };
}

type SentBytes = Pick<Pushed, 'sentBytes' | 'mountedBytes' | 'skippedBytes'>;

async function sendBlobs(
  registry: Connection,
  { signal, log, repository }: RegistrySettings,
  layout: Layout,
  blobs: readonly Descriptor[],
  mountFrom: readonly string[],
): Promise<SentBytes> {
  const totalBytes = blobs.reduce((sum, { size }) => sum + size, 0);
  const count = { sentBytes: 0, mountedBytes: 0, skippedBytes: 0 };
  let arrivedBytes = 0;
  const stop = new AbortController();
  const options = {
    signal: AbortSignal.any([signal, stop.signal]),
    mountFrom,
    sent: (bytes: number): void => {
      arrivedBytes += bytes;
      log?.progress(totalBytes === 0 ? 1 : Math.min(1, arrivedBytes / totalBytes), `pushing to ${repository}`);
    },
  };
  const waiting = blobs.toSorted((one, other) => other.size - one.size);
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const outcome = await uploadBlob(registry, await layout.blob(next), options);
      if (outcome !== 'sent') options.sent(next.size);
      count[outcome === 'sent' ? 'sentBytes' : outcome === 'mounted' ? 'mountedBytes' : 'skippedBytes'] += next.size;
    }
  };
  const workers = Array.from({ length: blobsAtOnce }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    // Nothing of it goes on behind our back.
    stop.abort();
    await Promise.allSettled(workers);
    throw error;
  }
  return count;
}
