import { join } from 'node:path';
import { type KeepRule, type Retained, retain } from '../../plan/retention.ts';
import { formatBytes } from '../../report/format.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { diskSizes, emptyTrash, takeOut } from '../../store/collect.ts';
import { takeWholeStore } from '../session.ts';
import { resultsIn, scopesOf } from '../store-inventory.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

export interface GcOptions extends Where {
  /** How many of the last runs of each pipeline and profile. */
  readonly runs: number;
  readonly days: number | undefined;
  readonly releases: number;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** What no run mentions came from elsewhere, and nobody can say yet who will ask for it. */
const strangerStaysMs = 7 * 24 * 3_600_000;

interface Doomed {
  readonly what: 'artifact' | 'result' | 'run' | 'listing' | 'quarantine' | 'work';
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** `modelflow cache gc`: removes what neither a kept run, nor a live release, nor one that can be gone back to needs. Waits for no run: MF6001 while one is at work. */
export async function cacheGcCommand(options: GcOptions): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const { store } = workspace;
  if (!store.disk.isThere(store.root)) {
    console.log(options.json ? JSON.stringify({ removed: [], freedBytes: 0 }) : 'there is no store yet');
    return 0;
  }
  const lock = options.dryRun ? undefined : takeWholeStore(store);
  try {
    const kept = retain(scopesOf(workspace), ruleOf(options));
    const doomed = await doomedBy(workspace, kept, options.dryRun);
    if (!options.dryRun) {
      emptyTrash(store.root, store.disk);
      for (const { path } of doomed) takeOut(store.root, store.disk, path);
      emptyTrash(store.root, store.disk);
    }
    show(options, doomed, kept);
    return 0;
  } finally {
    lock?.release();
  }
}

function ruleOf({ runs, days, releases }: GcOptions): KeepRule {
  const since = days === undefined ? undefined : new Date(Date.now() - days * 24 * 3_600_000).toISOString();
  return { runs, since, releases };
}

/** In the order of removal: a result before its artifact, so that nothing ever points at what is gone. */
async function doomedBy(workspace: Workspace, kept: Retained, isDryRun: boolean): Promise<readonly Doomed[]> {
  const { root, disk, artifacts, listings } = workspace.store;
  const sizeOf = diskSizes();
  const doom = (what: Doomed['what'], name: string, path: string): Doomed => ({ what, name, path, sizeBytes: sizeOf(path) });
  const strangers = new Set<string>();
  const results: Doomed[] = [];
  const oldest = new Date(Date.now() - strangerStaysMs).toISOString();
  const there = new Set(artifacts.digests());
  for (const { path, result } of [...(await resultsIn(workspace, 'results')), ...(await resultsIn(workspace, 'unreviewed'))]) {
    const isStranger = result !== undefined && !kept.mentioned.has(result.fingerprint) && result.at >= oldest;
    if (isStranger) strangers.add(result.digest);
    const isNeeded = result !== undefined && there.has(result.digest) && (isStranger || kept.digests.has(result.digest));
    if (!isNeeded) results.push(doom('result', path.split('/').at(-1) ?? '', path));
  }
  const gone = [...there].filter((digest) => !kept.digests.has(digest) && !strangers.has(digest));
  const runs = scopesOf(workspace).flatMap(({ scope, runs: all }) => all.map(({ run }) => `${scope}/${run}`));
  return [
    ...results,
    ...gone.map((digest) => doom('artifact', digest, join(root, 'artifacts', digest.slice(0, 2), digest))),
    ...runs.filter((run) => !kept.runs.has(run)).map((run) => doom('run', run, join(root, 'runs', run))),
    ...listings.digests().flatMap((digest) => (kept.listed.has(digest) ? [] : [doom('listing', digest, join(root, 'listings', digest))])),
    ...disk.list(join(root, 'quarantine')).map((name) => doom('quarantine', name, join(root, 'quarantine', name))),
    // While a run is at work its attempts lie there: only the holder of the whole store knows that there is none.
    ...(isDryRun ? [] : disk.list(join(root, 'work')).map((name) => doom('work', name, join(root, 'work', name)))),
  ];
}

function show({ json, dryRun }: GcOptions, doomed: readonly Doomed[], kept: Retained): void {
  const freedBytes = doomed.reduce((sum, each) => sum + each.sizeBytes, 0);
  if (json) {
    const removed = doomed.map(({ what, name, sizeBytes }) => ({ what, name, sizeBytes }));
    const stays = [...kept.digests].map(([digest, why]) => ({ digest, why }));
    console.log(JSON.stringify({ dryRun, freedBytes, removed, kept: stays }, undefined, 2));
    return;
  }
  const verb = dryRun ? 'would remove' : 'removed';
  for (const { what, name, sizeBytes } of doomed)
    if (what !== 'result' && what !== 'listing')
      console.log(`${verb}  ${what.padEnd(10)}  ${name.slice(0, 60)}  ${formatBytes(sizeBytes)}`);
  const count = (what: Doomed['what'], one: string): string => {
    const number = doomed.filter((each) => each.what === what).length;
    return `${number} ${one}${number === 1 ? '' : 's'}`;
  };
  console.log(
    doomed.length === 0
      ? 'nothing to remove'
      : `${verb} ${count('artifact', 'artifact')}, ${count('run', 'run record')}, ${count('quarantine', 'damaged artifact')}: ${formatBytes(freedBytes)}`,
  );
}
