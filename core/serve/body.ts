import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { badRequest, RequestError } from './request-error.ts';

/** What is read and thrown away of a body that is not wanted, so that the client gets to read why. */
const discardBytes = 256 * 1024 * 1024;
const discardMs = 10_000;

/** The whole body, decompressed. Throws a 413 above the limit, before and after decompression, and a 415 for an unknown encoding. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limitBytes) throw tooLarge(limitBytes);
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const decompress = decompressor(encoding);
  const body = await collect(request, limitBytes);
  if (decompress === undefined) return body;
  try {
    return await decompress(body, { maxOutputLength: limitBytes });
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(limitBytes);
    throw badRequest(`the body is not ${encoding}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/**
 * Reads what is left of a body and forgets it. A connection that is closed with unread bytes is reset by the kernel, and the client would
 * lose the answer. Gives up after a while: nobody can make us read for ever.
 */
export async function discardBody(request: IncomingMessage): Promise<void> {
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!hasBody || request.complete || request.destroyed) return;
  await new Promise<void>((resolve) => {
    let left = discardBytes;
    const timer = setTimeout(resolve, discardMs);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) done();
    });
    request.once('end', done);
    request.once('close', done);
    request.once('error', done);
  });
}

/** 413, with the limit. */
export function tooLarge(limitBytes: number): RequestError {
  return new RequestError(413, `the body is larger than ${limitBytes} bytes`);
}

type Decompress = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

function decompressor(encoding: string): Decompress | undefined {
  switch (encoding) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);
    case 'deflate':
      return promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate);
    default:
      throw new RequestError(415, `content encoding ${encoding} is not supported: gzip, deflate and identity are`, {
        'accept-encoding': 'gzip, deflate',
      });
  }
}

function collect(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      request.off('data', onData);
      reject(tooLarge(limitBytes));
    };
    request.on('data', onData);
    request.once('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size)));
    request.once('error', () => reject(gone()));
    request.once('close', () => {
      if (!request.complete) reject(gone());
    });
  });
}

/** Nobody reads this answer; the code is nginx's for a client that closed its request. */
function gone(): RequestError {
  return new RequestError(499, 'the client closed the connection before the request was complete');
}
