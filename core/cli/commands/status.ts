import { approvalKey } from '../../plan/history.ts';
import type { ExitCode } from '../../spec/codes.ts';
import type { RunEvent } from '../../spec/event.ts';
import type { LiveService } from '../../spec/target.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import { leftBehind } from '../left-behind.ts';
import { lockHolder } from '../session.ts';
import { showDiagnostics, silentLog } from '../show.ts';
import type { Store } from '../store.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

export interface ServiceStatus {
  readonly node: string;
  readonly target: string;
  readonly service: string;
  readonly live: LiveService;
}

export interface Status {
  readonly pipeline: string;
  readonly profile: string;
  readonly lastRun: { readonly run: string; readonly at: string; readonly outcome: string } | undefined;
  readonly lockedBy: string | undefined;
  /** What the last run was not allowed to do, and nobody has approved since. */
  readonly waiting: readonly { readonly node: string; readonly fingerprint: string; readonly why: string }[];
  readonly services: readonly ServiceStatus[];
  /** Still there, though the configuration names them no more. */
  readonly leftBehind: readonly ServiceStatus[];
}

/** `modelflow status`: the last run, and every service as its target has it now. */
export async function statusCommand(options: Where & { readonly json: boolean }, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  await showDiagnostics(workspace.warnings);
  const status = await statusOf(workspace, signal);
  console.log(options.json ? JSON.stringify(status, undefined, 2) : statusText(status));
  return 0;
}

export async function statusOf(workspace: Workspace, signal: AbortSignal): Promise<Status> {
  const { store, config, profile } = workspace;
  const last = store.runs.ids().at(-1);
  const holder = lockHolder(store);
  return {
    pipeline: config.pipeline.pipeline,
    profile,
    lastRun: last === undefined ? undefined : { run: last, ...endOf(store.runs.events(last)) },
    lockedBy:
      holder && `process ${holder.pid} of ${holder.user} on ${holder.host.split('/')[0]}, since ${holder.since} (${holder.command})`,
    waiting: waitingIn(store),
    services: await servicesOf(workspace, signal),
    leftBehind: (await leftBehind(workspace, signal)).map(({ node, placement, live }) => ({
      node,
      target: placement.target.target,
      service: placement.service,
      live,
    })),
  };
}

function waitingIn(store: Store): Status['waiting'] {
  const last = store.runs.ids().findLast((run) => store.runs.events(run)[0]?.type === 'run-started');
  return (last === undefined ? [] : store.runs.events(last)).flatMap((event) => {
    if (event.type !== 'approval-needed' || store.past().approvals.has(approvalKey(event.node, event.fingerprint))) return [];
    return [{ node: event.node, fingerprint: event.fingerprint, why: event.why }];
  });
}

function endOf(events: readonly RunEvent[]): { readonly at: string; readonly outcome: string } {
  const end = events.findLast((event) => event.type === 'run-ended');
  const at = events.at(-1)?.at ?? '';
  return end ? { at, outcome: end.outcome } : { at, outcome: 'interrupted, or still running' };
}

async function servicesOf(workspace: Workspace, signal: AbortSignal): Promise<readonly ServiceStatus[]> {
  const ports = planPorts(workspace, signal);
  const deploying = workspace.graph.nodes.filter((node) => node.node.stage.deploys);
  return Promise.all(
    deploying.map(async (node) => {
      const { target, service } = placementOf(node, ports.options(node));
      return {
        node: node.name,
        target: target.target,
        service,
        live: await target.def.read(ports.targetContext(target, signal, silentLog), service),
      };
    }),
  );
}

function statusText(status: Status): string {
  const of = status.profile === 'default' ? '' : ` --profile ${status.profile}`;
  const lines = [`${status.pipeline} (${status.profile})`];
  lines.push(status.lastRun ? `  last run  ${status.lastRun.run}  ${status.lastRun.outcome}` : '  never run');
  for (const { node, fingerprint, why } of status.waiting)
    lines.push(`  ${node} waits for an approval: ${why}; \`modelflow approve ${node} --for ${fingerprint.slice(0, 12)}${of}\``);
  if (status.lockedBy) lines.push(`  locked by ${status.lockedBy}`);
  for (const { node, target, service, live } of [...status.services, ...status.leftBehind]) {
    const where = live.revisions.length === 0 ? 'not there' : (live.url ?? '');
    lines.push(`  ${node}: ${service} on ${target}  ${where}`.trimEnd());
    if (status.leftBehind.some((each) => each.live === live))
      lines.push(`    not in the configuration any more; \`modelflow down ${service}${of}\` stops it`);
    for (const revision of live.revisions) {
      lines.push(
        `    revision ${revision.id}  ${revision.health}  ${revision.weight} %  release ${revision.stamp?.slice(0, 12) ?? 'made by something else'}`,
      );
    }
  }
  return lines.join('\n');
}
