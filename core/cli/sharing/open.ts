import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { History } from '../../plan/history.ts';
import type { Diagnostic } from '../../spec/diagnostic.ts';
import type { ResultCache } from '../../spec/port.ts';
import type { RemoteChoice } from '../../spec/remote.ts';
import { sharedArtifacts } from '../../store/remote/artifacts.ts';
import { sharedResults } from '../../store/remote/results.ts';
import { patient, usualPatience } from '../../store/remote/retry.ts';
import { type SharedRuns, sharedRuns } from '../../store/remote/runs.ts';
import { shareStore } from '../../store/remote/shared.ts';
import { uploadsTo } from '../../store/remote/uploads.ts';
import { resultFolder } from '../../store/results.ts';
import { pastOf } from '../past.ts';
import type { Store } from '../store.ts';
import { storeAccess } from './access.ts';
import { orUnusable, sharingOf } from './sharing.ts';

export interface Opened {
  readonly store: Store;
  readonly warnings: readonly Diagnostic[];
}

/** The store that is shared, with what others have done. Where it does not answer, what is on this machine has to do, and that is said. */
export async function openShared(local: Store, choice: RemoteChoice): Promise<Opened> {
  const { access, why } = storeAccess(process.env);
  const ending = new AbortController();
  const shared = shareStore(patient(await choice.open(), usualPatience), access, ending.signal);
  const runs = sharedRuns(
    local.runs,
    shared,
    local.scope,
    randomInt(36 ** 6)
      .toString(36)
      .padStart(6, '0'),
  );
  await orUnusable(choice.place, () => shared.ask(() => runs.fetch(), undefined));
  const uploads = uploadsTo(shared, local.artifacts);
  const results = sharedResults(resultsFor(access, local), shared, {
    onRecord: (result) => uploads.add(result),
    likely: () => lastFingerprints(runs),
  });
  const artifacts = sharedArtifacts({
    local: local.artifacts,
    disk: local.disk,
    shared,
    incoming: join(local.root, 'work', local.scope, 'incoming'),
    manifest: (digest) => results.manifest(digest),
  });
  let past: History | undefined;
  const store: Store = {
    ...local,
    runs,
    results,
    artifacts,
    past: () => {
      past ??= pastOf(runs);
      return past;
    },
    sharing: sharingOf({ local, shared, runs, uploads, choice, end: () => ending.abort() }),
  };
  return { store, warnings: [...(why === undefined ? [] : [readOnlyWarning(choice.place, why)]), ...shared.warnings.splice(0)] };
}

/** What a run makes that others must not believe lies apart, also from the runs that come after it on this machine. */
function resultsFor(access: 'read' | 'write', { results, root, disk }: Store): ResultCache {
  if (access === 'write') return results;
  const apart = resultFolder(join(root, 'unreviewed'), disk);
  return { ...apart, find: async (fingerprint) => (await apart.find(fingerprint)) ?? results.find(fingerprint) };
}

/** What the last runs used is what the next one asks for. */
function lastFingerprints(runs: SharedRuns): readonly string[] {
  const events = runs.ids().slice(-5).flatMap(runs.events);
  return events.flatMap((event) => (event.type === 'node-finished' || event.type === 'node-reused' ? [event.fingerprint] : []));
}

function readOnlyWarning(place: string, why: string): Diagnostic {
  return {
    code: 'MF6105',
    severity: 'warning',
    message: `${place} is only read: ${why}`,
    hint: 'What this run makes stays on this machine, and it deploys nothing.',
  };
}
