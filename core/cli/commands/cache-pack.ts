import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ExitCode } from '../../spec/codes.ts';
import type { RunEvent } from '../../spec/event.ts';
import { type PackedCount, packCache, unpackCache } from '../../store/packed-cache.ts';
import { showDiagnostics } from '../show.ts';
import { openWorkspace, type Where } from '../workspace.ts';

interface PackOptions extends Where {
  readonly file: string;
  readonly json: boolean;
}

/** So many of the last runs explain the next plan. */
const runsPacked = 50;

/** `modelflow cache pack`: all that the last run used, in one file, for a CI cache that counts entries. */
export async function cachePackCommand(options: PackOptions): Promise<ExitCode> {
  const { store } = await openWorkspace({ ...options, isLocal: true });
  const ids = store.runs.ids();
  // What was killed names processes of this machine; nobody else can make anything of it.
  const ended = ids.slice(-runsPacked).filter((id) => store.runs.events(id).some((event) => event.type === 'run-ended'));
  const used = ids.map((id) => usedIn(store.runs.events(id))).findLast((fingerprints) => fingerprints.length > 0) ?? [];
  const packed = await packCache(resolve(options.cwd, options.file), store, used, ended);
  console.log(options.json ? JSON.stringify(packed, undefined, 2) : `packed ${countText(packed)} into ${options.file}`);
  return 0;
}

/** `modelflow cache unpack`. Without a file there is nothing to do: the first run of a cache finds none. */
export async function cacheUnpackCommand(options: PackOptions): Promise<ExitCode> {
  const { store } = await openWorkspace({ ...options, isLocal: true });
  const file = resolve(options.cwd, options.file);
  if (!existsSync(file)) {
    if (options.json) console.log(JSON.stringify({ results: 0, artifacts: 0, runs: 0, sizeBytes: 0, damaged: [] }, undefined, 2));
    else console.log(`there is no ${options.file}: nothing to unpack`);
    return 0;
  }
  const { initialiseStore } = await import('../../store/format.ts');
  initialiseStore(store.root, store.disk);
  const found = await unpackCache(file, store);
  console.log(options.json ? JSON.stringify(found, undefined, 2) : `unpacked ${countText(found)} from ${options.file}`);
  if (found.damaged.length > 0)
    await showDiagnostics([
      {
        code: 'MF6109',
        severity: 'warning',
        message: `${options.file} is damaged: ${found.damaged.join(', ')} left out`,
        hint: 'What is missing is made again by the next run.',
      },
    ]);
  return 0;
}

function usedIn(events: readonly RunEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === 'node-finished' || event.type === 'node-reused' ? [event.fingerprint] : []));
}

function countText({ results, artifacts, runs, sizeBytes }: PackedCount): string {
  return `${results} results, ${artifacts} artifacts and ${runs} runs (${(sizeBytes / 1e6).toFixed(1)} MB)`;
}
