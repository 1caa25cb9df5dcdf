import { type ReleaseEntry, serviceKey } from '../plan/history.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Placement } from '../spec/ref.ts';
import type { LiveService, Target } from '../spec/target.ts';
import { placementOf, planPorts } from './engine-ports.ts';
import { silentLog } from './show.ts';
import type { Workspace } from './workspace.ts';

/** A service that this pipeline released and that is still there, though its configuration names it no more. */
export interface LeftBehind {
  /** The node that released it. */
  readonly node: string;
  readonly placement: Placement;
  readonly live: LiveService;
}

/** Asked of the live world. Services on a target that the configuration does not use at all cannot be asked about, and are left out. */
export async function leftBehind(workspace: Workspace, signal: AbortSignal): Promise<readonly LeftBehind[]> {
  const ports = planPorts(workspace, signal);
  const placements = workspace.graph.nodes.filter((node) => node.node.stage.deploys).map((node) => placementOf(node, ports.options(node)));
  const wanted = new Set(placements.map(({ target, service }) => serviceKey({ target: target.target, service })));
  const targets = new Map(placements.map(({ target }) => [target.target, target]));
  const found = await Promise.all(
    [...ports.past.releases].map(async ([key, entries]) => {
      const last = entries.at(-1);
      const target = last && targets.get(last.release.target);
      if (!target || wanted.has(key)) return [];
      const placement = placementAsReleased(target, last);
      // A target that does not answer says so where its services are asked about; this is beside the point there.
      const live = await target.def
        .read(ports.targetContext(placement.target, signal, silentLog), placement.service)
        .catch(() => undefined);
      return live && live.revisions.length > 0 ? [{ node: last.node, placement, live }] : [];
    }),
  );
  return found.flat();
}

function placementAsReleased(target: Target, { release }: ReleaseEntry): Placement {
  return { target: { ...target, settings: release.settings }, service: release.service, slot: '' };
}

/** MF1110 for each of them. */
export function leftBehindWarnings(services: readonly LeftBehind[]): readonly Diagnostic[] {
  return services.map(({ placement, live }) => ({
    code: 'MF1110',
    severity: 'warning',
    message: `\`${placement.service}\` still runs on ${placement.target.target}${live.url ? ` at ${live.url}` : ''}, and is not in the configuration any more`,
    hint: `\`modelflow down ${placement.service}\` stops it.`,
  }));
}
