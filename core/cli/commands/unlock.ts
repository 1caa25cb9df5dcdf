import type { ExitCode } from '../../spec/codes.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import { unlock } from '../session.ts';
import { showDiagnostics } from '../show.ts';
import { openWorkspace, type Where } from '../workspace.ts';

/** `modelflow unlock`: for a lock whose holder is on a machine that cannot be asked any more. */
export async function unlockCommand(where: Where, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(where);
  await showDiagnostics(workspace.warnings);
  const { store, graph } = workspace;
  const holder = unlock(store);
  if (holder === undefined) console.log('nobody holds the lock');
  else if (holder === 'unreadable') console.log('broke a lock that could not be read');
  else console.log(`broke the lock of process ${holder.pid} on ${holder.host.split('/')[0]}, held since ${holder.since}`);
  if (store.sharing) {
    const { options } = planPorts(workspace, signal);
    const services = graph.nodes
      .filter((node) => node.node.stage.deploys)
      .map((node) => placementOf(node, options(node)))
      .map(({ target, service }) => ({ target: target.target, service }));
    for (const who of await store.sharing.unlock(services, signal)) console.log(`broke the right to change a service of ${who}`);
  }
  return 0;
}
