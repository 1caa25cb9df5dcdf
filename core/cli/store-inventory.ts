import { join } from 'node:path';
import type { ScopeRecord } from '../plan/retention.ts';
import type { Result } from '../spec/port.ts';
import { runsFolder } from '../store/journal.ts';
import { resultFolder } from '../store/results.ts';
import type { Workspace } from './workspace.ts';

/** Every pipeline and profile that has runs in this store, with all that their journals say. */
export function scopesOf({ store, graph }: Workspace): readonly ScopeRecord[] {
  const { root, disk, scope: own } = store;
  const folder = join(root, 'runs');
  return disk.list(folder).flatMap((pipeline) =>
    disk.list(join(folder, pipeline)).map((profile): ScopeRecord => {
      const scope = `${pipeline}/${profile}`;
      const runs = runsFolder(join(folder, scope), disk);
      return {
        scope,
        runs: runs.ids().map((run) => ({ run, events: runs.events(run) })),
        nodes: scope === own ? new Set(graph.byName.keys()) : undefined,
      };
    }),
  );
}

/** Every line of a result cache; `undefined` for one that does not match its sum. */
export async function resultsIn(
  workspace: Workspace,
  folder: 'results' | 'unreviewed',
): Promise<readonly { readonly path: string; readonly result: Result | undefined }[]> {
  const { root, disk } = workspace.store;
  const base = folder === 'results' ? root : join(root, folder);
  const cache = resultFolder(base, disk);
  const found: { path: string; result: Result | undefined }[] = [];
  for (const prefix of disk.list(join(base, 'results'))) {
    for (const fingerprint of disk.list(join(base, 'results', prefix)).filter((name) => /^[0-9a-f]{64}$/.test(name)))
      found.push({ path: join(base, 'results', prefix, fingerprint), result: await cache.find(fingerprint) });
  }
  return found;
}
