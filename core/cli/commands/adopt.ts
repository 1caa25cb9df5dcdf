import { type Adopted, adopt } from '../../engine/adopt.ts';
import type { ExitCode } from '../../spec/codes.ts';
import type { ReleaseRecord } from '../../spec/event.ts';
import { scopesOf } from '../store-inventory.ts';
import { wantedReleases } from '../wanted-releases.ts';
import { openWorkspace, type Workspace } from '../workspace.ts';
import { type OperateOptions, operate } from './operate.ts';
import { planOf } from './plan.ts';

/** `modelflow adopt`: takes over services that run and that this journal does not know, such as after a lost store. The world is only read. */
export async function adoptCommand(options: OperateOptions, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const wanted = wantedReleases(workspace, await planOf(workspace, { only: [], force: [] }, signal));
  const elsewhere = releasesElsewhere(workspace);
  return operate('adopt', options, signal, async (operation) => {
    const { target, service } = operation.placement;
    const fromPlan = wanted.get(operation.node);
    const known = (stamp: string): ReleaseRecord | undefined => {
      if (fromPlan?.stamp !== stamp) return elsewhere.get(stamp);
      return { target: target.target, settings: target.settings, service, ...fromPlan, by: undefined, commit: undefined };
    };
    return adoptedText(service, await adopt(operation, known));
  });
}

function adoptedText(service: string, { stamp, isNew, what }: Adopted): string {
  if (!isNew) return `${service} is known already: release ${stamp.slice(0, 12)}`;
  const made =
    what === undefined ? 'what it was made of is not known here, so it cannot be gone back to later' : `artifact ${what.slice(0, 12)}`;
  return `${service} is adopted as release ${stamp.slice(0, 12)}; ${made}`;
}

/** A pipeline that was renamed left its journal under the old name. */
function releasesElsewhere(workspace: Workspace): ReadonlyMap<string, ReleaseRecord> {
  const events = scopesOf(workspace).flatMap(({ runs }) => runs.flatMap((run) => run.events));
  return new Map(
    events.flatMap((event) =>
      event.type === 'released' || event.type === 'rolled-back' ? [[event.release.stamp, event.release] as const] : [],
    ),
  );
}
