import { diagnosticsOf } from '../engine/failure.ts';
import type { ExitCode } from '../spec/codes.ts';
import { codes } from '../spec/codes.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Placement } from '../spec/ref.ts';
import type { LiveService } from '../spec/target.ts';
import { placementOf, planPorts } from './engine-ports.ts';
import { silentLog } from './show.ts';
import type { Workspace } from './workspace.ts';

/** A service of the configuration, as its target has it now; or why the target could not say. */
export interface AskedService {
  readonly node: string;
  readonly placement: Placement;
  readonly live: LiveService | undefined;
  readonly trouble: readonly Diagnostic[];
}

/** Asks every target at the same time. One that does not answer says nothing of the others. */
export async function askServices(workspace: Workspace, signal: AbortSignal): Promise<readonly AskedService[]> {
  const ports = planPorts(workspace, signal);
  const deploying = workspace.graph.nodes.filter((node) => node.node.stage.deploys);
  return Promise.all(
    deploying.map(async (node) => {
      const placement = placementOf(node, ports.options(node));
      const { target, service } = placement;
      try {
        const live = await target.def.read(ports.targetContext(target, signal, silentLog), service);
        return { node: node.name, placement, live, trouble: [] };
      } catch (error) {
        if (signal.aborted) throw error;
        const trouble = diagnosticsOf(error, node.node.stage.name, node.name).map((each) => ({ ...each, node: node.name }));
        return { node: node.name, placement, live: undefined, trouble };
      }
    }),
  );
}

/** How a command ends that could not ask all of them. */
export function exitOf(services: readonly Pick<AskedService, 'trouble'>[]): ExitCode {
  const first = services.flatMap(({ trouble }) => trouble).find(({ severity }) => severity === 'error');
  return first ? codes[first.code].exit : 0;
}
