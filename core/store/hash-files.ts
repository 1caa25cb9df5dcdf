import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { hashFile } from './hash-file.ts';

/** A file to be read, and how many bytes there were when it was looked at. */
export interface FileToHash {
  readonly path: string;
  readonly sizeBytes: number;
}

export type Batch = readonly FileToHash[];
export type BatchReply =
  | { readonly digests: readonly string[] }
  | { readonly error: { readonly message: string; readonly code: string | undefined } };

/** Rough figures: they only decide how the work is divided. */
const bytesPerMs = 1_500_000;
const fileMs = 0.02;
const batchMs = 20;
/** Starting threads takes about as long as this. */
const worthThreadsMs = 150;

/** sha256 of each file, in hex and in the same order. Much work is spread over the cores. Fails as reading the file fails. */
export async function hashFiles(files: Batch): Promise<readonly string[]> {
  const digests: string[] = new Array(files.length);
  const batches = batchesOf(files);
  const threads = Math.min(availableParallelism(), batches.length);
  const allMs = files.reduce((sum, file) => sum + costMs(file), 0);
  if (threads > 1 && allMs > worthThreadsMs) await inThreads(files, batches, threads, digests);
  else for (const batch of batches) await here(files, batch, digests);
  return digests;
}

function costMs(file: FileToHash): number {
  return file.sizeBytes / bytesPerMs + fileMs;
}

/** Indices of files, the large files first and alone: the longest must not be the last to begin. */
function batchesOf(files: Batch): (readonly number[])[] {
  const batches: number[][] = [];
  let open: number[] = [];
  let openMs = 0;
  for (const [index, file] of files.entries()) {
    const ms = costMs(file);
    if (ms > batchMs) {
      batches.push([index]);
      continue;
    }
    open.push(index);
    openMs += ms;
    if (openMs <= batchMs) continue;
    batches.push(open);
    [open, openMs] = [[], 0];
  }
  if (open.length > 0) batches.push(open);
  const largest = (batch: readonly number[]): number => Math.max(...batch.map((index) => files[index]?.sizeBytes ?? 0));
  return batches
    .map((batch) => ({ batch, bytes: largest(batch) }))
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ batch }) => batch);
}

async function here(files: Batch, batch: readonly number[], digests: string[]): Promise<void> {
  for (const index of batch) {
    const { path, sizeBytes } = files[index] as FileToHash;
    digests[index] = await hashFile(path, sizeBytes);
  }
}

async function inThreads(files: Batch, batches: (readonly number[])[], threads: number, digests: string[]): Promise<void> {
  const workers = Array.from({ length: threads }, () => new Worker(workerFile(), { name: 'hash', execArgv: [] }));
  let at = 0;
  const work = async (worker: Worker): Promise<void> => {
    for (let batch = batches[at++]; batch; batch = batches[at++]) {
      const reply = await replyOf(
        worker,
        batch.map((index) => files[index] as FileToHash),
      );
      // A thread that cannot be had is no reason to fail.
      if (reply === undefined) await here(files, batch, digests);
      else if ('error' in reply) throw Object.assign(new Error(reply.error.message), { code: reply.error.code });
      else for (const [nth, index] of batch.entries()) digests[index] = reply.digests[nth] as string;
    }
  };
  try {
    await Promise.all(workers.map(work));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Undefined when the thread is not there, or not any more. */
function replyOf(worker: Worker, batch: Batch): Promise<BatchReply | undefined> {
  return new Promise((resolve) => {
    const gone = (): void => resolve(undefined);
    // A thread that has ended says nothing more, also not to whom it is new.
    if (worker.threadId < 0) gone();
    worker.once('error', gone).once('exit', gone);
    worker.once('message', (reply: BatchReply) => {
      worker.off('error', gone).off('exit', gone);
      resolve(reply);
    });
    worker.postMessage(batch);
  });
}

/** From source Node runs the .ts file, built it is the .js file beside this one. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './hash-worker.ts' : './hash-worker.js', import.meta.url);
}
