import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failure } from '../spec/diagnostic.ts';
import type { Result, ResultCache } from '../spec/port.ts';
import { RemoteError, type RemotePart } from '../spec/remote.ts';
import { type ArtifactFolder, filesFolder } from './artifacts.ts';
import type { Disk } from './disk.ts';
import { storeFailure } from './disk-failure.ts';
import { sizeOfParts } from './remote/chunks.ts';
import { packOf, textPart, unpack } from './remote/pack.ts';
import { recordText } from './remote/records.ts';

/** What a packed cache is taken from, and unpacked into. */
export interface PackableStore {
  readonly root: string;
  readonly scope: string;
  readonly disk: Disk;
  readonly artifacts: ArtifactFolder;
  readonly results: ResultCache;
}

/** What is in a packed cache, or was unpacked from it. */
export interface PackedCount {
  readonly results: number;
  readonly artifacts: number;
  readonly runs: number;
  readonly sizeBytes: number;
}

interface Entry {
  readonly what: 'result' | 'artifact' | 'run';
  readonly name: string;
  readonly sizeBytes: number;
  /** Of `sumOf`; an artifact has none, since its name is its digest. */
  readonly sha256: string | undefined;
}

const mark = 'modelflow-cache-1';
const longestLineBytes = 4_096;

/** Writes these results with their artifacts, and these runs, into one file: whole, or the file is as it was. */
export async function packCache(
  file: string,
  store: PackableStore,
  fingerprints: Iterable<string>,
  runs: readonly string[],
): Promise<PackedCount> {
  const count = { results: 0, artifacts: 0, runs: 0, sizeBytes: 0 };
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await mkdir(dirname(file), { recursive: true });
  const target = await open(temporary, 'wx').catch((error: unknown) => {
    throw storeFailure(error, file, 'write');
  });
  const put = async (entry: Pick<Entry, 'what' | 'name'>, parts: readonly RemotePart[]): Promise<void> => {
    const sha256 = entry.what === 'artifact' ? {} : { sha256: await sumOf(entry, parts[0]?.open() ?? []) };
    await target.writeFile(`${JSON.stringify({ ...entry, sizeBytes: sizeOfParts(parts), ...sha256 })}\n`);
    for (const part of parts) for await (const piece of part.open()) await target.writeFile(piece);
    count.sizeBytes += sizeOfParts(parts);
    count[`${entry.what}s`]++;
  };
  try {
    await target.writeFile(`${mark}\n`);
    const packed = new Set<string>();
    for (const fingerprint of new Set(fingerprints)) {
      const result = await store.results.find(fingerprint);
      const artifact = result && (await store.artifacts.open(result.digest, 'here'));
      const manifest = result && store.artifacts.manifest(result.digest);
      if (!artifact || manifest === undefined) continue;
      if (!packed.has(result.digest)) await put({ what: 'artifact', name: result.digest }, packOf(manifest, artifact.path));
      packed.add(result.digest);
      await put({ what: 'result', name: fingerprint }, [textPart(fingerprint, recordText(result))]);
    }
    for (const run of runs) {
      const text = store.disk.readText(journalOf(store, run));
      if (text !== undefined) await put({ what: 'run', name: run }, [textPart(run, text)]);
    }
    await target.close();
    await rename(temporary, file);
    return count;
  } catch (error) {
    await target.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw storeFailure(error, file, 'write');
  }
}

/** Takes over what is not here yet, each after its bytes were compared with its name. What is damaged is left out, and named. */
export async function unpackCache(file: string, store: PackableStore): Promise<PackedCount & { readonly damaged: readonly string[] }> {
  const count = { results: 0, artifacts: 0, runs: 0, sizeBytes: 0 };
  const damaged: string[] = [];
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw storeFailure(error, file, 'read');
  });
  try {
    const { size } = await handle.stat();
    const head = await lineAt(handle, 0);
    if (head?.text !== mark) throw failure('MF6109', `${file} was not written by \`modelflow cache pack\``);
    for (let at = head.end; at < size; ) {
      const line = await lineAt(handle, at);
      const entry = line && entryIn(line.text);
      if (!line || !entry || line.end + entry.sizeBytes > size) {
        damaged.push(`what follows byte ${at}`);
        break;
      }
      at = line.end + entry.sizeBytes;
      const outcome = await takeOver(file, line.end, entry, store);
      if (outcome === 'damaged') damaged.push(`${entry.what} ${entry.name.slice(0, 12)}`);
      if (outcome !== 'taken') continue;
      count[`${entry.what}s`]++;
      count.sizeBytes += entry.sizeBytes;
    }
  } finally {
    await handle.close();
  }
  return { ...count, damaged };
}

/** The name is in it: a run under another one would be another run. */
async function sumOf(
  { what, name }: Pick<Entry, 'what' | 'name'>,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<string> {
  const sum = createHash('sha256').update(`${what} ${name}\n`);
  for await (const piece of bytes) sum.update(piece);
  return sum.digest('hex');
}

async function takeOver(file: string, start: number, entry: Entry, store: PackableStore): Promise<'taken' | 'known' | 'damaged'> {
  if (entry.what !== 'run' && !isDigest(entry.name)) return 'damaged';
  if (entry.what === 'artifact') return takeArtifact(file, start, entry, store);
  const pieces: Uint8Array[] = [];
  for await (const piece of bytesOf(file, start, entry.sizeBytes)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  if ((await sumOf(entry, [bytes])) !== entry.sha256) return 'damaged';
  if (entry.what === 'run') return takeRun(bytes.toString('utf8'), entry.name, store);
  const result = resultIn(bytes.toString('utf8'));
  if (result?.fingerprint !== entry.name || !isDigest(String(result.digest))) return 'damaged';
  if (await store.results.find(result.fingerprint)) return 'known';
  // A result is believed only with its artifact.
  if (!(await store.artifacts.open(result.digest, 'here'))) return 'damaged';
  await store.results.record(result);
  return 'taken';
}

function resultIn(record: string): Result | null {
  try {
    return JSON.parse(record.split('\n')[1] ?? '') as Result | null;
  } catch {
    // A sum that is right proves no sense.
    return null;
  }
}

async function takeArtifact(
  file: string,
  start: number,
  { name, sizeBytes }: Entry,
  store: PackableStore,
): Promise<'taken' | 'known' | 'damaged'> {
  if (await store.artifacts.open(name, 'here')) return 'known';
  const folder = join(store.root, 'work', store.scope, 'incoming', `${name.slice(0, 12)}-${process.pid}`);
  const files = join(folder, filesFolder);
  store.disk.makeScratch(files);
  try {
    const { kind, facts } = await unpack({ sizeBytes, bytes: bytesOf(file, start, sizeBytes) }, name, files);
    await store.artifacts.commit(files, kind, facts);
    return 'taken';
  } catch (error) {
    if (error instanceof RemoteError) return 'damaged';
    throw error;
  } finally {
    store.disk.discard(folder);
  }
}

function takeRun(text: string, run: string, store: PackableStore): 'taken' | 'known' | 'damaged' {
  if (!/^\d{6,}-[0-9A-Za-z-]+$/.test(run)) return 'damaged';
  const path = journalOf(store, run);
  if (store.disk.isThere(path)) return 'known';
  store.disk.makeFolder(dirname(path));
  store.disk.write(path, text);
  return 'taken';
}

function journalOf({ root, scope }: PackableStore, run: string): string {
  return join(root, 'runs', scope, run, 'journal.ndjson');
}

function bytesOf(file: string, start: number, sizeBytes: number): AsyncIterable<Uint8Array> {
  if (sizeBytes === 0) return (async function* () {})();
  return createReadStream(file, { start, end: start + sizeBytes - 1, highWaterMark: 1 << 20 });
}

/** Names from elsewhere become paths here: nothing else may. */
function isDigest(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

function entryIn(text: string): Entry | undefined {
  try {
    const entry = JSON.parse(text) as Partial<Entry> | null;
    const isKnown = entry?.what === 'result' || entry?.what === 'artifact' || entry?.what === 'run';
    return isKnown && typeof entry.name === 'string' && Number.isSafeInteger(entry.sizeBytes) && Number(entry.sizeBytes) >= 0
      ? (entry as Entry)
      : undefined;
  } catch {
    // Bytes that are no line of ours.
    return undefined;
  }
}

async function lineAt(handle: FileHandle, at: number): Promise<{ readonly text: string; readonly end: number } | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(longestLineBytes), 0, longestLineBytes, at);
  const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
  return end < 0 ? undefined : { text: buffer.toString('utf8', 0, end), end: at + end + 1 };
}
