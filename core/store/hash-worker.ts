// A thread that hashes the files it is told, batch by batch, until it is terminated.
import { parentPort } from 'node:worker_threads';
import { hashFile } from './hash-file.ts';
import type { Batch, BatchReply } from './hash-files.ts';

parentPort?.on('message', (batch: Batch) => {
  void digests(batch).then((reply) => parentPort?.postMessage(reply));
});

async function digests(batch: Batch): Promise<BatchReply> {
  try {
    const found: string[] = [];
    for (const { path, sizeBytes } of batch) found.push(await hashFile(path, sizeBytes));
    return { digests: found };
  } catch (error) {
    // The code of the operating system does not travel with an error by itself.
    const { message, code } = error as NodeJS.ErrnoException;
    return { error: { message, code } };
  }
}
