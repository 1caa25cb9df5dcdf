import { sha256 } from '../../plan/canonical.ts';
import type { Result, ResultCache } from '../../spec/port.ts';
import { RemoteError } from '../../spec/remote.ts';
import { getRecord } from './records.ts';
import type { SharedStore } from './shared.ts';

/** A result as other machines read it: the manifest comes along, so that a plan needs no artifact. */
export interface SharedResult {
  readonly result: Result;
  readonly manifest: string;
}

export const resultKey = (fingerprint: string): string => `results/${fingerprint}`;
export const artifactKey = (digest: string): string => `artifacts/${digest}`;

export interface SharedResults extends ResultCache {
  /** Manifests that came along with results. */
  manifest(digest: string): string | undefined;
}

const asksAtOnce = 16;

export interface ResultsWatch {
  /** Told of every result that this run makes. */
  onRecord(result: Result): void;
  /** What will be asked for: the first question is the time to ask for all of it, so that a plan does not wait for one answer after the other. */
  likely(): Iterable<string>;
}

/** Local first. */
export function sharedResults(local: ResultCache, shared: SharedStore, watch: ResultsWatch): SharedResults {
  const manifests = new Map<string, string>();
  const asked = new Map<string, Promise<Result | undefined>>();
  const remote = async (fingerprint: string): Promise<Result | undefined> => {
    const found = await shared.ask(() => readResult(shared, fingerprint), undefined);
    if (found) manifests.set(found.result.digest, found.manifest);
    return found?.result;
  };
  const find = (fingerprint: string): Promise<Result | undefined> => {
    const known = asked.get(fingerprint) ?? remote(fingerprint);
    asked.set(fingerprint, known);
    return known;
  };
  let isFirst = true;
  const askAhead = (): void => {
    const queue = [...new Set(watch.likely())];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) if (!(await local.find(next))) await find(next);
    };
    // What fails here fails again for who waits for it.
    for (let count = 0; count < asksAtOnce; count++) void worker().catch(() => undefined);
  };
  return {
    async find(fingerprint) {
      const known = await local.find(fingerprint);
      if (known) return known;
      if (isFirst) askAhead();
      isFirst = false;
      return find(fingerprint);
    },
    async record(result) {
      await local.record(result);
      asked.set(result.fingerprint, Promise.resolve(result));
      watch.onRecord(result);
    },
    async forget(fingerprint) {
      await local.forget(fingerprint);
      asked.set(fingerprint, Promise.resolve(undefined));
      if (shared.access === 'write') await shared.ask(() => shared.remote.remove(resultKey(fingerprint), shared.signal), undefined);
    },
    manifest: (digest) => manifests.get(digest),
  };
}

/** A result without its artifact is no result: lifecycle rules of a bucket take away what they like. */
async function readResult(shared: SharedStore, fingerprint: string): Promise<SharedResult | undefined> {
  const { remote, signal } = shared;
  const found = (await getRecord(remote, resultKey(fingerprint), signal)) as Partial<SharedResult> | undefined;
  if (!found) return undefined;
  const { result, manifest } = found;
  if (!result || typeof manifest !== 'string' || result.fingerprint !== fingerprint || sha256(manifest) !== result.digest)
    throw new RemoteError('wrong', `${resultKey(fingerprint)} is not the result of that fingerprint`);
  return (await remote.has(artifactKey(result.digest), signal)) ? { result, manifest } : undefined;
}
