import { driftOf } from '../../plan/drift.ts';
import { serviceKey } from '../../plan/history.ts';
import type { ExitCode } from '../../spec/codes.ts';
import type { Drift } from '../../spec/plan.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import type { Heard } from '../github/tell.ts';
import { printable, showDiagnostics, silentLog } from '../show.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

export interface DriftOptions extends Where {
  readonly format: 'text' | 'json' | 'markdown';
  readonly detailedExitcode: boolean;
  readonly heard?: Heard;
}

/** `modelflow plan --drift`: what somebody else has changed since the last release, whatever the configuration wants by now. */
export async function driftCommand(options: DriftOptions, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  options.heard?.workspace(workspace);
  await showDiagnostics(workspace.warnings);
  const drift = await driftIn(workspace, signal);
  options.heard?.drift(drift);
  if (options.format === 'json') console.log(JSON.stringify(drift, undefined, 2));
  else {
    const { driftMarkdown, driftReport } = await import('../../report/drift-text.ts');
    console.log(options.format === 'markdown' ? driftMarkdown(drift) : printable(driftReport(drift)));
  }
  return options.detailedExitcode && drift.services.some((each) => each.changes.length > 0) ? 10 : 0;
}

async function driftIn(workspace: Workspace, signal: AbortSignal): Promise<Drift> {
  const { config, profile, graph } = workspace;
  const ports = planPorts(workspace, signal);
  const deploying = graph.nodes.filter((node) => node.node.stage.deploys);
  const services = await Promise.all(
    deploying.map(async (node) => {
      const { target, service } = placementOf(node, ports.options(node));
      const live = await target.def.read(ports.targetContext(target, signal, silentLog), service);
      const settled = ports.past.settled.get(serviceKey({ target: target.target, service }));
      const { stamp, by, commit } = settled?.release ?? {};
      const released = stamp === undefined ? undefined : { stamp, by, commit };
      return { node: node.name, target: target.target, service, url: live.url, released, changes: driftOf(live, settled) };
    }),
  );
  return { pipeline: config.pipeline.pipeline, profile, services };
}
