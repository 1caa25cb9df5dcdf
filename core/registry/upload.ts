import { RemoteError } from '../spec/remote.ts';
import { chunksOf } from './chunks.ts';
import type { Connection } from './connection.ts';
import { isPassing, pauseBefore, withTries } from './patience.ts';

/** A blob that can be read again, from any byte on. */
export interface Blob {
  readonly digest: string;
  readonly size: number;
  read(fromByte: number): AsyncIterable<Uint8Array>;
}

export interface UploadOptions {
  readonly signal: AbortSignal;
  /** Repositories of the same registry that may have it; asked in this order. */
  readonly mountFrom?: readonly string[];
  /** Called after each chunk that has arrived. */
  readonly sent?: (bytes: number) => void;
}

const usualChunkBytes = 16 << 20;

/** Puts a blob there unless it is there already, of whatever image. An upload that breaks goes on where it was, or is begun anew. */
export function uploadBlob(registry: Connection, blob: Blob, options: UploadOptions): Promise<'there' | 'mounted' | 'sent'> {
  return withTries(() => uploadOnce(registry, blob, options), registry.patience, options.signal);
}

async function uploadOnce(registry: Connection, blob: Blob, options: UploadOptions): Promise<'there' | 'mounted' | 'sent'> {
  const { signal, mountFrom = [] } = options;
  const head = await registry.request('HEAD', `/blobs/${blob.digest}`, { signal, accept: [200, 404] });
  if (head.status === 200) return 'there';
  let begun: Response | undefined;
  for (const from of mountFrom) {
    const query = new URLSearchParams({ mount: blob.digest, from });
    // A registry that cannot or will not take it over begins an upload instead, or refuses; both mean: send it.
    begun = await registry.request('POST', `/blobs/uploads/?${query}`, { signal, accept: [201, 202, 400, 401, 403, 404, 405] });
    if (begun.status === 201) return 'mounted';
    await begun.body?.cancel();
    if (begun.status === 202) break;
    begun = undefined;
  }
  begun ??= await registry.request('POST', '/blobs/uploads/', { signal, accept: [202] });
  await sendChunks(registry, blob, begun, options);
  return 'sent';
}

async function sendChunks(registry: Connection, blob: Blob, begun: Response, { signal, sent: tell }: UploadOptions): Promise<void> {
  const chunkBytes = Math.max(usualChunkBytes, Number(begun.headers.get('oci-chunk-min-length')) || 0);
  let at = locationOf(begun);
  let sent = 0;
  const send = (method: 'PATCH' | 'PUT', url: string, chunk: Buffer, accept: readonly number[]): Promise<Response> => {
    const range = chunk.length === 0 ? {} : { 'content-range': `${sent}-${sent + chunk.length - 1}` };
    const headers = { 'content-type': 'application/octet-stream', ...range };
    return registry.request(method, url, { signal, accept, headers, body: chunk, isOnce: true });
  };
  for (let broken = 0; ; ) {
    try {
      for await (const chunk of chunksOf(blob.read(sent), chunkBytes)) {
        const isLast = sent + chunk.length >= blob.size;
        // What fits into one chunk goes with the request that ends the upload.
        if (isLast) await send('PUT', `${at}${at.includes('?') ? '&' : '?'}digest=${encodeURIComponent(blob.digest)}`, chunk, [201, 204]);
        else at = locationOf(await send('PATCH', at, chunk, [202]));
        sent += chunk.length;
        broken = 0;
        tell?.(chunk.length);
        if (isLast) return;
      }
      throw new RemoteError('wrong', `${blob.digest} should have ${blob.size} bytes, and has ${sent}`);
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error) || ++broken >= registry.patience.tries) throw error;
      await pauseBefore(broken, error, registry.patience, signal);
      const where = await whereIs(registry, at, signal);
      // Not a word about it, or the end: the whole is tried again, and finds what has arrived.
      if (where === undefined || where.sent >= blob.size) throw error;
      tell?.(where.sent - sent);
      ({ at, sent } = where);
    }
  }
}

/** How far an upload has come, as the registry says. */
async function whereIs(registry: Connection, at: string, signal: AbortSignal): Promise<{ at: string; sent: number } | undefined> {
  try {
    const answer = await registry.request('GET', at, { signal, accept: [204], isOnce: true });
    const last = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers.get('range') ?? '')?.[1];
    // An upload without a byte is answered `0-0`, as is one of a single byte.
    const sent = last === undefined || last === '0' ? 0 : Number(last) + 1;
    return { at: answer.headers.has('location') ? locationOf(answer) : at, sent };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function locationOf(answer: Response): string {
  const location = answer.headers.get('location');
  if (location === null) throw new RemoteError('wrong', 'the registry does not say where to send a blob');
  return new URL(location, answer.url).href;
}
