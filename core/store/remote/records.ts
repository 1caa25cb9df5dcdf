import { canonicalJson, sha256 } from '../../plan/canonical.ts';
import { withTries } from '../../registry/patience.ts';
import { RemoteError, type RemoteStore } from '../../spec/remote.ts';
import { textPart } from './pack.ts';
import { usualPatience } from './retry.ts';

const longestRecordBytes = 256 << 20;

/** A small record as text with its own sum in front: what does not match is as good as not there. */
export function recordText(value: unknown): string {
  const json = canonicalJson(value);
  return `${sha256(json)}\n${json}\n`;
}

export async function putRecord(store: RemoteStore, key: string, value: unknown, signal: AbortSignal): Promise<void> {
  await store.put(key, [textPart('record.json', recordText(value))], signal);
}

export async function createRecord(store: RemoteStore, key: string, value: unknown, signal: AbortSignal): Promise<boolean> {
  return store.create(key, [textPart('record.json', recordText(value))], signal);
}

/** Undefined when it is not there; fails as `wrong` when its bytes are not what was written. */
export async function getRecord(store: RemoteStore, key: string, signal: AbortSignal): Promise<unknown> {
  const text = await withTries(() => readAll(store, key, signal), usualPatience, signal);
  if (text === undefined) return undefined;
  const [sum = '', json = ''] = text.split('\n');
  if (sha256(json) !== sum) throw new RemoteError('wrong', `${key} does not match its sum`);
  return JSON.parse(json);
}

async function readAll(store: RemoteStore, key: string, signal: AbortSignal): Promise<string | undefined> {
  const content = await store.get(key, signal);
  if (content === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const piece of content.bytes) {
      sizeBytes += piece.length;
      if (sizeBytes > longestRecordBytes) throw new RemoteError('wrong', `${key} is too large for a record`);
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof RemoteError) throw error;
    throw new RemoteError('unreachable', `the connection broke: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (sizeBytes !== content.sizeBytes) throw new RemoteError('unreachable', 'the connection ended before the last byte');
  return Buffer.concat(pieces).toString('utf8');
}

/** Part of a key: short, and made of letters that every store takes. Two names never give the same word. */
export function keyWord(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9.-]/g, '-');
  return plain === name && name.length <= 40 ? name : `${plain.slice(0, 24)}-${sha256(name).slice(0, 15)}`;
}
