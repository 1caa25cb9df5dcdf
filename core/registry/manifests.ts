import { RemoteError } from '../spec/remote.ts';
import { type Connection, RegistryError } from './connection.ts';
import { acceptedTypes, type Descriptor, type Document } from './document.ts';
import { digestOf } from './layout.ts';
import { withTries } from './patience.ts';

/** A manifest or index as the registry has it. */
export interface Held {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly content: Document;
}

/** The digest and size under a tag or digest; undefined when it is not there. */
export async function headManifest(registry: Connection, reference: string, signal: AbortSignal): Promise<Descriptor | undefined> {
  const answer = await registry.request('HEAD', `/manifests/${reference}`, {
    signal,
    accept: [200, 404],
    headers: { accept: acceptedTypes },
  });
  if (answer.status === 404) return undefined;
  const digest = answer.headers.get('docker-content-digest') ?? (reference.startsWith('sha256:') ? reference : undefined);
  const size = answer.headers.get('content-length');
  // Not all say what they have without sending it.
  if (digest === undefined || size === null) return (await getManifest(registry, reference, signal))?.descriptor;
  return { digest, size: Number(size), mediaType: typeOf(answer) };
}

export async function getManifest(registry: Connection, reference: string, signal: AbortSignal): Promise<Held | undefined> {
  return withTries(
    async () => {
      const request = { signal, accept: [200, 404], headers: { accept: acceptedTypes }, isOnce: true } as const;
      const answer = await registry.request('GET', `/manifests/${reference}`, request);
      const bytes = await bytesOf(answer);
      if (answer.status === 404) return undefined;
      const digest = digestOf(bytes);
      const expected = reference.startsWith('sha256:') ? reference : digest;
      if (digest !== expected) throw new RemoteError('wrong', `the bytes of ${expected} are ${digest}`);
      const content = documentIn(bytes, digest);
      return { descriptor: { digest, size: bytes.length, mediaType: content.mediaType ?? typeOf(answer) }, bytes, content };
    },
    registry.patience,
    signal,
  );
}

/** As `getManifest`, where there is nothing to be done without it. */
export async function mustGetManifest(registry: Connection, reference: string, signal: AbortSignal): Promise<Held> {
  const held = await getManifest(registry, reference, signal);
  if (held === undefined) throw new RegistryError('wrong', `no manifest ${reference}`, { status: 404, codes: ['MANIFEST_UNKNOWN'] });
  return held;
}

/** Says whether the registry has understood that the manifest is about another one. */
export async function putManifest(
  registry: Connection,
  reference: string,
  { bytes, mediaType }: { readonly bytes: Buffer; readonly mediaType: string },
  signal: AbortSignal,
): Promise<{ readonly knowsSubject: boolean }> {
  const request = { signal, accept: [201], headers: { 'content-type': mediaType }, body: bytes, isOnce: true } as const;
  const act = (): Promise<Response> =>
    registry.request('PUT', `/manifests/${reference}`, request).catch((error: unknown) => {
      // Two who push the same blob at the same moment can each find it unfinished.
      if (error instanceof RegistryError && error.codes.some((code) => /BLOB_UNKNOWN|DIGEST_INVALID/.test(code)))
        throw new RegistryError('busy', error.message, { status: error.status, codes: error.codes });
      throw error;
    });
  const answer = await withTries(act, registry.patience, signal);
  await answer.body?.cancel();
  return { knowsSubject: answer.headers.has('oci-subject') };
}

async function bytesOf(answer: Response): Promise<Buffer> {
  try {
    return Buffer.from(await answer.arrayBuffer());
  } catch (cause) {
    throw new RemoteError('unreachable', 'the connection broke in the middle of an answer', { cause });
  }
}

function typeOf(answer: Response): string {
  return (answer.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? '';
}

function documentIn(bytes: Buffer, digest: string): Document {
  try {
    return JSON.parse(bytes.toString('utf8')) as Document;
  } catch (cause) {
    throw new RemoteError('wrong', `the manifest ${digest} is no JSON`, { cause });
  }
}
