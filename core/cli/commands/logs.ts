import type { ExitCode } from '../../spec/codes.ts';
import { failure, ModelflowError } from '../../spec/diagnostic.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import { showDiagnostics, silentLog } from '../show.ts';
import { named, openWorkspace, type Where, type Workspace } from '../workspace.ts';

export interface LogsOptions extends Where {
  /** A node or a stage: what it said in the last run. A node that deploys: what the service says. None: all services. */
  readonly node: string | undefined;
  readonly follow: boolean;
  readonly lines: number;
  readonly json: boolean;
}

/** `modelflow logs`. */
export async function logsCommand(options: LogsOptions, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const nodes =
    options.node === undefined
      ? workspace.graph.nodes.filter((node) => node.node.stage.deploys).map((node) => node.name)
      : namesOf(workspace, options.node);
  const failures: unknown[] = [];
  const services = nodes.filter((name) => workspace.graph.byName.get(name)?.node.stage.deploys);
  for (const name of nodes) if (!services.includes(name)) nodeLogs(workspace, name, options);
  const follow = (name: string): Promise<void> =>
    serviceLogs(workspace, name, options, signal).catch(async (error: unknown) => {
      if (signal.aborted) return;
      // The first one is told by whoever called, when the others have come to their end.
      if (failures.push(error) > 1 && error instanceof ModelflowError) await showDiagnostics(error.diagnostics);
    });
  // One that is followed never ends by itself.
  if (options.follow) await Promise.all(services.map(follow));
  else for (const name of services) await follow(name);
  if (failures.length > 0) throw failures[0];
  return 0;
}

/** A service may be named too: that is what its users know. */
function namesOf(workspace: Workspace, word: string): readonly string[] {
  const ofService = workspace.graph.nodes.filter(
    (node) => node.node.stage.deploys && placementOf(node, node.node.options).service === word,
  );
  return ofService.length > 0 ? ofService.map((node) => node.name) : named(workspace.graph, word);
}

/** From the newest run in which the node said anything. */
function nodeLogs(workspace: Workspace, name: string, options: LogsOptions): void {
  for (const run of workspace.store.runs.ids().toReversed()) {
    const said = workspace.store.runs.said(run).filter((event) => event.type === 'node-output' && event.node === name);
    if (said.length === 0) continue;
    for (const event of said.slice(-options.lines)) {
      if (event.type === 'node-output')
        console.log(
          options.json ? JSON.stringify({ at: event.at, source: name, line: event.line }) : `${event.at}  ${name}  ${event.line}`,
        );
    }
    return;
  }
  console.error(`${name} has said nothing in any run that is kept`);
}

async function serviceLogs(workspace: Workspace, name: string, options: LogsOptions, signal: AbortSignal): Promise<void> {
  const node = workspace.graph.byName.get(name);
  if (!node) return;
  const ports = planPorts(workspace, signal);
  const { target, service } = placementOf(node, ports.options(node));
  const lines = target.def.logs?.(ports.targetContext(target, signal, silentLog), service, {
    follow: options.follow,
    lines: options.lines,
  });
  if (!lines) throw failure('MF5001', `the target ${target.target} keeps no logs that modelflow could show`);
  for await (const { at, source, line } of lines)
    console.log(options.json ? JSON.stringify({ at, source, line }) : `${at}  ${source}  ${line}`);
}
