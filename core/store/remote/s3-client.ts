import { globalAgent as httpAgent } from 'node:http';
import { globalAgent as httpsAgent } from 'node:https';
import type * as Sdk from '@aws-sdk/client-s3';
import { type ServerClock, serverClock } from '../../registry/server-clock.ts';
import { failure } from '../../spec/diagnostic.ts';
import { RemoteError, type RemotePart, type RemoteStore } from '../../spec/remote.ts';
import { chunksOf, sizeOfParts } from './chunks.ts';

export interface S3Settings {
  readonly bucket: string;
  readonly prefix: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly forcePathStyle?: boolean | undefined;
}

interface Bucket {
  readonly sdk: typeof Sdk;
  readonly client: Sdk.S3Client;
  readonly name: string;
  /** Of every key, with its slash. */
  readonly prefix: string;
}

const smallestPartBytes = 16 << 20;
const mostParts = 9_000;

export async function openS3(settings: S3Settings): Promise<RemoteStore> {
  const sdk = await loadSdk();
  const clock = serverClock();
  const { bucket: name, prefix } = settings;
  const bucket: Bucket = { sdk, client: clientFor(sdk, settings, clock), name, prefix: prefix === '' ? '' : `${prefix}/` };
  const at = (key: string): { readonly Bucket: string; readonly Key: string } => ({ Bucket: name, Key: `${bucket.prefix}${key}` });
  return {
    place: `s3://${name}${prefix === '' ? '' : `/${prefix}`}`,
    async get(key, signal) {
      const found = await orMissing(bucket.client.send(new sdk.GetObjectCommand(at(key)), { abortSignal: signal }));
      if (!found?.Body) return undefined;
      return { sizeBytes: found.ContentLength ?? 0, bytes: found.Body as AsyncIterable<Uint8Array> };
    },
    has: async (key, signal) =>
      (await orMissing(bucket.client.send(new sdk.HeadObjectCommand(at(key)), { abortSignal: signal }))) !== undefined,
    put: async (key, parts, signal) => void (await put(bucket, at(key).Key, parts, false, signal)),
    create: (key, parts, signal) => put(bucket, at(key).Key, parts, true, signal),
    list: (under, signal) => list(bucket, under, signal),
    remove: async (key, signal) =>
      void (await orMissing(bucket.client.send(new sdk.DeleteObjectCommand(at(key)), { abortSignal: signal }))),
    now: () => clock.now(),
    close: () => bucket.client.destroy(),
  };
}

/** An optional dependency: who keeps the store in a folder does not need its many megabytes. */
async function loadSdk(): Promise<typeof Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw failure('MF6106', 'the store is in S3, and `@aws-sdk/client-s3` is not installed', {
      hint: 'npm install @aws-sdk/client-s3',
      cause: error,
    });
  }
}

function clientFor(sdk: typeof Sdk, { region, endpoint, forcePathStyle }: S3Settings, clock: ServerClock): Sdk.S3Client {
  const elsewhere = endpoint === undefined ? {} : { endpoint, forcePathStyle: true, region: process.env['AWS_REGION'] ?? 'us-east-1' };
  const client = new sdk.S3Client({
    ...elsewhere,
    ...(region === undefined ? {} : { region }),
    ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
    // Tried again in one place for all stores.
    maxAttempts: 1,
    // Servers other than Amazon's do not all take the checksums that newer SDKs add; ours are sha256 and lie in the manifest.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The agents of Node know of proxies (NODE_USE_ENV_PROXY) and certificates (NODE_EXTRA_CA_CERTS).
    requestHandler: { httpAgent, httpsAgent, connectionTimeout: 5_000 },
  });
  client.middlewareStack.add(
    (next) => async (given) => {
      const answer = await next(given);
      clock.heard((answer.response as { readonly headers?: Readonly<Record<string, string>> } | undefined)?.headers?.['date']);
      return answer;
    },
    // Inside of what turns an answer into an error: those have a date as well.
    { step: 'deserialize', priority: 'low', name: 'serverClock' },
  );
  return client;
}

/** False when `isNew` and there is one already. What is large goes in several parts: a cut connection costs one of them. */
async function put(
  { sdk, client, name, ...bucket }: Bucket,
  Key: string,
  parts: readonly RemotePart[],
  isNew: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const to = { Bucket: name, Key };
  const condition = isNew ? { IfNoneMatch: '*' } : {};
  const partBytes = Math.max(smallestPartBytes, Math.ceil(sizeOfParts(parts) / mostParts));
  if (sizeOfParts(parts) > partBytes)
    return putInParts({ sdk, client, name, ...bucket }, { ...to, ...condition }, chunksOf(parts, partBytes), signal);
  const { value } = await chunksOf(parts, partBytes).next();
  return unlessThere(
    client.send(new sdk.PutObjectCommand({ ...to, ...condition, Body: value ?? Buffer.alloc(0) }), { abortSignal: signal }),
  );
}

async function putInParts(
  { sdk, client }: Bucket,
  { IfNoneMatch, ...to }: { readonly Bucket: string; readonly Key: string; readonly IfNoneMatch?: string },
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<boolean> {
  const { UploadId } = await known(client.send(new sdk.CreateMultipartUploadCommand(to), { abortSignal: signal }));
  const upload = { ...to, UploadId };
  try {
    const Parts: Sdk.CompletedPart[] = [];
    for await (const Body of chunks) {
      const PartNumber = Parts.length + 1;
      if (Body.length === 0) continue;
      const { ETag } = await known(client.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body }), { abortSignal: signal }));
      Parts.push({ PartNumber, ETag });
    }
    const condition = IfNoneMatch === undefined ? {} : { IfNoneMatch };
    return await unlessThere(
      client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, ...condition, MultipartUpload: { Parts } }), { abortSignal: signal }),
    );
  } catch (error) {
    // Parts that nobody completes cost money; when this fails as well, a lifecycle rule of the bucket has to see to it.
    await client.send(new sdk.AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}

async function list({ sdk, client, name, prefix }: Bucket, under: string, signal: AbortSignal): Promise<readonly string[]> {
  const keys: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const from = ContinuationToken === undefined ? {} : { ContinuationToken };
    const page = await known(
      client.send(new sdk.ListObjectsV2Command({ Bucket: name, Prefix: `${prefix}${under}`, ...from }), { abortSignal: signal }),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key.slice(prefix.length));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return keys.sort();
}

async function known<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw troubleOf(error);
  }
}

async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket') return undefined;
    throw troubleOf(error);
  }
}

async function unlessThere(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (statusOf(error) === 412) return false;
    throw troubleOf(error);
  }
}

function troubleOf(error: unknown): unknown {
  if (error instanceof RemoteError) return error;
  const status = statusOf(error);
  const name = nameOf(error);
  const message = `${name}${error instanceof Error && error.message !== '' && error.message !== name ? `: ${error.message}` : ''}`;
  if (/region is missing/i.test(message))
    return new RemoteError('missing', 'its region is not known: name it with `region`, or in AWS_REGION', { cause: error });
  if (name === 'NoSuchBucket') return new RemoteError('missing', 'there is no such bucket', { cause: error });
  if (status === 401 || status === 403 || name === 'CredentialsProviderError') return new RemoteError('denied', message, { cause: error });
  // 409: another conditional write is under way at this very moment.
  if (status === 429 || status === 409 || (status !== undefined && status >= 500))
    return new RemoteError('busy', message, { ...retryAfter(error), cause: error });
  if (status === undefined || status === 200 || status === 408) return new RemoteError('unreachable', message, { cause: error });
  return new RemoteError('wrong', `${message} (HTTP ${status})`, { cause: error });
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

function nameOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === 'string' ? code : String(name);
}

function retryAfter(error: unknown): { readonly retryAfterMs?: number } {
  const headers = (error as { readonly $response?: { readonly headers?: Readonly<Record<string, string>> } } | null)?.$response?.headers;
  const seconds = Number(headers?.['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {};
}
