import { join } from 'node:path';
import type { Result } from '../../spec/port.ts';
import { RemoteError } from '../../spec/remote.ts';
import { type ArtifactFolder, filesFolder } from '../artifacts.ts';
import { packOf } from './pack.ts';
import { putRecord } from './records.ts';
import { artifactKey, resultKey, type SharedResult } from './results.ts';
import type { SharedStore } from './shared.ts';

export interface Uploaded {
  readonly results: number;
  readonly sizeBytes: number;
  /** Results that other machines do not have yet, and why. */
  readonly left: number;
  readonly why: string | undefined;
}

/** Sends results and their artifacts while the run goes on. A failure never fails the run: what is left is sent by the next one. */
export interface Uploads {
  add(result: Result): void;
  /** Waits for what is under way, and gives up after the time or when the signal aborts. */
  finish(timeMs: number, signal: AbortSignal): Promise<Uploaded>;
}

const sendsAtOnce = 3;

export function uploadsTo(shared: SharedStore, local: ArtifactFolder): Uploads {
  const queue: Result[] = [];
  const added = new Set<string>();
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  const signal = AbortSignal.any([shared.signal, stopping.signal]);
  const sent = { results: 0, sizeBytes: 0, left: 0 };
  let why: string | undefined;
  const one = async (result: Result): Promise<void> => {
    try {
      const sizeBytes = await send(result, shared, local, signal);
      if (sizeBytes === undefined) return;
      sent.results++;
      sent.sizeBytes += sizeBytes;
    } catch (error) {
      sent.left++;
      if (!signal.aborted) why ??= error instanceof Error ? error.message : String(error);
      // The others would wait for the same answer in vain.
      if (error instanceof RemoteError && error.trouble !== 'wrong') sent.left += queue.splice(0).length;
    }
  };
  const go = (): void => {
    while (running.size < sendsAtOnce) {
      const next = queue.shift();
      if (next === undefined) return;
      const work: Promise<void> = one(next).finally(() => {
        running.delete(work);
        go();
      });
      running.add(work);
    }
  };
  return {
    add(result) {
      if (shared.access === 'read' || shared.offline() !== undefined || added.has(result.fingerprint)) return;
      added.add(result.fingerprint);
      queue.push(result);
      go();
    },
    async finish(timeMs, stopped) {
      const giveUp = (): void => {
        why ??= stopped.aborted ? 'the run was stopped' : `it took longer than ${Math.round(timeMs / 1_000)} s`;
        sent.left += queue.splice(0).length;
        stopping.abort();
      };
      const timer = setTimeout(giveUp, timeMs);
      stopped.addEventListener('abort', giveUp, { once: true });
      if (stopped.aborted) giveUp();
      while (running.size > 0) await Promise.all(running);
      clearTimeout(timer);
      stopped.removeEventListener('abort', giveUp);
      return { ...sent, why };
    },
  };
}

/** The artifact before the result: who finds a result finds its artifact. Answers how much was sent; undefined when it was there already. */
async function send(result: Result, { remote }: SharedStore, local: ArtifactFolder, signal: AbortSignal): Promise<number | undefined> {
  const { fingerprint, digest } = result;
  const [manifest, artifact] = [local.manifest(digest), await local.open(digest)];
  if (manifest === undefined || artifact === undefined) return undefined;
  if (await remote.has(resultKey(fingerprint), signal)) {
    if (await remote.has(artifactKey(digest), signal)) return undefined;
  }
  let sizeBytes = 0;
  if (!(await remote.has(artifactKey(digest), signal))) {
    await remote.put(artifactKey(digest), packOf(manifest, join(artifact.path, '..', filesFolder)), signal);
    sizeBytes = artifact.sizeBytes;
  }
  await putRecord(remote, resultKey(fingerprint), { result, manifest } satisfies SharedResult, signal);
  return sizeBytes;
}
