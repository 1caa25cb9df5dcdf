import { setTimeout as pause } from 'node:timers/promises';
import { approvalKey, type History, serviceKey } from '../../plan/history.ts';
import { shownUnderway } from '../../plan/rollout.ts';
import { rolloutSteps } from '../../plan/rollout-steps.ts';
import { type ShownService, serviceLines } from '../../report/status-text.ts';
import type { ExitCode } from '../../spec/codes.ts';
import type { RunEvent } from '../../spec/event.ts';
import { planPorts } from '../engine-ports.ts';
import { leftBehind } from '../left-behind.ts';
import { type AskedService, askServices, exitOf } from '../live-services.ts';
import { pastOf } from '../past.ts';
import { lockHolder } from '../session.ts';
import { showDiagnostics, silentLog } from '../show.ts';
import type { Store } from '../store.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

export type ServiceStatus = ShownService;

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

/** `modelflow status`: the last run, and every service as its target has it now. Exit 8 where a target does not answer. */
export async function statusCommand(
  options: Where & { readonly json: boolean; readonly watch: boolean },
  signal: AbortSignal,
): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  await showDiagnostics(workspace.warnings);
  if (options.watch) return watchStatus(workspace, options, signal);
  const { status, exit } = await askedStatus(workspace, signal);
  console.log(options.json ? JSON.stringify(status, undefined, 2) : statusText(status));
  return exit;
}

const watchMs = 1_000;

/** On a terminal it is drawn again and again; elsewhere it is said again when something has changed, in JSON one object a line. */
async function watchStatus(workspace: Workspace, { json }: { readonly json: boolean }, signal: AbortSignal): Promise<ExitCode> {
  const isDrawn = process.stdout.isTTY === true && !json;
  let last = '';
  while (!signal.aborted) {
    const { status } = await askedStatus(workspace, signal);
    const now = JSON.stringify(status);
    if (isDrawn) process.stdout.write(`\x1b[H\x1b[2J${statusText(status)}\n`);
    else if (now !== last) console.log(json ? now : `${new Date().toISOString()}\n${statusText(status)}`);
    last = now;
    await pause(watchMs, undefined, { signal }).catch(() => undefined);
  }
  return 0;
}

async function askedStatus(workspace: Workspace, signal: AbortSignal): Promise<{ readonly status: Status; readonly exit: ExitCode }> {
  const { store, config, profile } = workspace;
  const asked = await askServices(workspace, signal);
  // Read anew: what is watched goes on.
  const past = pastOf(store.runs);
  const last = store.runs.ids().at(-1);
  const holder = lockHolder(store);
  const status: Status = {
    pipeline: config.pipeline.pipeline,
    profile,
    lastRun: last === undefined ? undefined : { run: last, ...endOf(store.runs.events(last)) },
    lockedBy:
      holder && `process ${holder.pid} of ${holder.user} on ${holder.host.split('/')[0]}, since ${holder.since} (${holder.command})`,
    waiting: waitingIn(store, past),
    services: asked.map((each) => shownService(each, workspace, past, signal)),
    leftBehind: (await leftBehind(workspace, signal)).map(({ node, placement, live }) => ({
      node,
      target: placement.target.target,
      service: placement.service,
      live,
    })),
  };
  return { status, exit: exitOf(asked) };
}

function waitingIn(store: Store, past: History): Status['waiting'] {
  const last = store.runs.ids().findLast((run) => store.runs.events(run)[0]?.type === 'run-started');
  return (last === undefined ? [] : store.runs.events(last)).flatMap((event) => {
    if (event.type !== 'approval-needed' || past.approvals.has(approvalKey(event.node, event.fingerprint))) return [];
    return [{ node: event.node, fingerprint: event.fingerprint, why: event.why }];
  });
}

function endOf(events: readonly RunEvent[]): { readonly at: string; readonly outcome: string } {
  const end = events.findLast((event) => event.type === 'run-ended');
  const at = events.at(-1)?.at ?? '';
  return end ? { at, outcome: end.outcome } : { at, outcome: 'interrupted, or still running' };
}

function shownService(asked: AskedService, workspace: Workspace, past: History, signal: AbortSignal): ServiceStatus {
  const { node, placement, live, trouble } = asked;
  const { target, service } = placement;
  const underway = past.rollouts.get(serviceKey({ target: target.target, service }));
  const base = { node, target: target.target, service, live, ...(trouble.length > 0 ? { trouble } : {}) };
  if (underway === undefined) return base;
  const split = target.def.split?.(planPorts(workspace, signal).targetContext(target, signal, silentLog));
  return { ...base, rollout: { ...shownUnderway(underway), steps: rolloutSteps(underway.strategy, split) } };
}

function statusText(status: Status): string {
  const of = status.profile === 'default' ? '' : ` --profile ${status.profile}`;
  const lines = [`${status.pipeline} (${status.profile})`];
  lines.push(status.lastRun ? `  last run  ${status.lastRun.run}  ${status.lastRun.outcome}` : '  never run');
  for (const { node, fingerprint, why } of status.waiting)
    lines.push(`  ${node} waits for an approval: ${why}; \`modelflow approve ${node} --for ${fingerprint.slice(0, 12)}${of}\``);
  if (status.lockedBy) lines.push(`  locked by ${status.lockedBy}`);
  for (const each of [...status.services, ...status.leftBehind]) {
    const [first = '', ...more] = serviceLines(each, Date.now()).map((line) => `  ${line}`);
    lines.push(first);
    if (status.leftBehind.includes(each))
      lines.push(`    not in the configuration any more; \`modelflow down ${each.service}${of}\` stops it`);
    lines.push(...more);
  }
  return lines.join('\n');
}
