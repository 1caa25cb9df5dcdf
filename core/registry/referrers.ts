import { RemoteError } from '../spec/remote.ts';
import { type Connection, RegistryError } from './connection.ts';
import { type Descriptor, type Document, indexType, manifestType } from './document.ts';
import { digestOf } from './layout.ts';
import { getManifest, headManifest, mustGetManifest, putManifest } from './manifests.ts';
import type { Attachment, Referrer } from './registry.ts';
import { uploadBlob } from './upload.ts';

const emptyBytes = Buffer.from('{}');
const emptyType = 'application/vnd.oci.empty.v1+json';

/** Puts the attachment there and makes it known: by the registry itself, or by the tag that stands in for that. */
export async function attach(registry: Connection, attachment: Attachment, signal: AbortSignal): Promise<string> {
  const subject = await headManifest(registry, attachment.subject, signal);
  if (subject === undefined)
    throw new RegistryError('wrong', `no manifest ${attachment.subject} to attach to`, { status: 404, codes: ['MANIFEST_UNKNOWN'] });
  const layer = Buffer.from(attachment.bytes);
  const content = manifestOf(attachment, subject, layer);
  const manifest = Buffer.from(JSON.stringify(content));
  for (const bytes of [emptyBytes, layer]) {
    const read = async function* (fromByte: number): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(fromByte);
    };
    await uploadBlob(registry, { digest: digestOf(bytes), size: bytes.length, read }, { signal });
  }
  const descriptor: Descriptor = {
    mediaType: manifestType,
    digest: digestOf(manifest),
    size: manifest.length,
    artifactType: attachment.artifactType,
    ...(attachment.annotations ? { annotations: attachment.annotations } : {}),
  };
  const { knowsSubject } = await putManifest(registry, descriptor.digest, { bytes: manifest, mediaType: manifestType }, signal);
  if (!knowsSubject) await listUnderTag(registry, attachment.subject, descriptor, signal);
  if (attachment.tag !== undefined) await addUnderTag(registry, attachment.tag, content, signal);
  return descriptor.digest;
}

/** Programs that go by tags expect everything of a kind in one manifest, a layer each. */
async function addUnderTag(registry: Connection, tag: string, added: ReturnType<typeof manifestOf>, signal: AbortSignal): Promise<void> {
  const { layers = [] }: Document = (await getManifest(registry, tag, signal))?.content ?? {};
  const isNew = added.layers.filter((layer) => !layers.some((each) => JSON.stringify(each) === JSON.stringify(layer)));
  if (isNew.length === 0) return;
  const { schemaVersion, mediaType, config } = added;
  const bytes = Buffer.from(JSON.stringify({ schemaVersion, mediaType, config, layers: [...layers, ...isNew] }));
  await putManifest(registry, tag, { bytes, mediaType }, signal);
}

function manifestOf(attachment: Attachment, subject: Descriptor, layer: Buffer) {
  const { artifactType, mediaType, annotations, layerAnnotations } = attachment;
  return {
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType,
    config: { mediaType: emptyType, digest: digestOf(emptyBytes), size: emptyBytes.length },
    layers: [{ mediaType, digest: digestOf(layer), size: layer.length, ...(layerAnnotations ? { annotations: layerAnnotations } : {}) }],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    ...(annotations ? { annotations } : {}),
  };
}

/** What the specification tells clients to do where the registry keeps no such list. Two at once can each miss the other: so it is looked at again. */
async function listUnderTag(registry: Connection, subject: string, descriptor: Descriptor, signal: AbortSignal): Promise<void> {
  const tag = tagFor(subject);
  for (let attempt = 1; attempt <= 5; attempt++) {
    const { manifests = [] }: Document = (await getManifest(registry, tag, signal))?.content ?? {};
    if (manifests.some(({ digest }) => digest === descriptor.digest)) return;
    const index = { schemaVersion: 2, mediaType: indexType, manifests: [...manifests, descriptor] };
    await putManifest(registry, tag, { bytes: Buffer.from(JSON.stringify(index)), mediaType: indexType }, signal);
  }
  throw new RemoteError('busy', `others change the tag ${tag} all the time`);
}

/** What is attached, as the registry says or the tag that stands in. */
export async function referrersOf(registry: Connection, subject: string, signal: AbortSignal): Promise<readonly Referrer[]> {
  const found: Referrer[] = [];
  for (let path: string | undefined = `/referrers/${subject}`; path !== undefined; ) {
    const answer = await registry.read(path, { signal, headers: { accept: indexType } });
    if (answer === undefined) {
      const { manifests = [] }: Document = (await getManifest(registry, tagFor(subject), signal))?.content ?? {};
      return manifests.map(referrerOf);
    }
    found.push(...((answer.body as Document).manifests ?? []).map(referrerOf));
    const next = /<([^>]+)>;\s*rel="?next/.exec(answer.link ?? '')?.[1];
    path = next === undefined ? undefined : new URL(next, answer.url).href;
  }
  return found;
}

/** The bytes of its only layer. */
export async function attachedBytes(registry: Connection, digest: string, signal: AbortSignal): Promise<Uint8Array> {
  const { content } = await mustGetManifest(registry, digest, signal);
  const [layer] = content.layers ?? [];
  if (layer === undefined) throw new RemoteError('wrong', `${digest} has no layer`);
  const answer = await registry.request('GET', `/blobs/${layer.digest}`, { signal, accept: [200] });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (digestOf(bytes) !== layer.digest) throw new RemoteError('wrong', `the bytes of ${layer.digest} are ${digestOf(bytes)}`);
  return bytes;
}

function referrerOf({ digest, artifactType, annotations }: Descriptor): Referrer {
  return { digest, artifactType: artifactType ?? '', annotations: annotations ?? {} };
}

function tagFor(digest: string): string {
  return digest.replace(':', '-');
}
