import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Held } from '../../engine/ports.ts';
import { abortRollout, promoteRollout } from '../../engine/rollout-operations.ts';
import { alone, type ServiceOperation, underwayOf } from '../../engine/service-operation.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { failure, ModelflowError } from '../../spec/diagnostic.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import { userName } from '../lock-world.ts';
import { pastOf } from '../past.ts';
import { lockHolder } from '../session.ts';
import { requestsOf } from '../store.ts';
import { openWorkspace, type Workspace } from '../workspace.ts';
import { choose, type OperateOptions, operate, type Placed } from './operate.ts';

/** How often the process that runs the rollout is looked at. */
const lookMs = 200;

/** `modelflow promote`: finishes a rollout now. */
export async function promoteCommand(options: OperateOptions, signal: AbortSignal): Promise<ExitCode> {
  return decide('promote', options, signal, async (operation, held) => {
    const stamp = await promoteRollout(operation, held);
    return `${operation.placement.service} serves release ${stamp.slice(0, 12)}`;
  });
}

/** `modelflow abort`: gives the release before all the requests back, and refuses the new one. */
export async function abortCommand(options: OperateOptions, signal: AbortSignal): Promise<ExitCode> {
  return decide('abort', options, signal, async (operation, held) => {
    const stamp = await abortRollout(operation, held);
    return `${operation.placement.service} serves release ${stamp.slice(0, 12)} again`;
  });
}

type Decision = 'promote' | 'abort';

/** Here and now where nobody runs the rollout; otherwise whoever does is asked, and does it at its next look. */
async function decide(
  what: Decision,
  options: OperateOptions,
  signal: AbortSignal,
  act: (operation: ServiceOperation, held: Held) => Promise<string>,
): Promise<ExitCode> {
  for (;;) {
    const workspace = await openWorkspace(options);
    refuseNone(workspace, options, signal);
    const underway = (placed: Placed): boolean => underwayOf(placed, { past: workspace.store.past() }) !== undefined;
    try {
      return await operate(what, options, signal, (operation) => withLease(operation, act), underway);
    } catch (error) {
      if (!isLocked(error)) throw error;
      if (await askRunning(workspace, what, options, signal, error)) return 0;
    }
  }
}

function refuseNone(workspace: Workspace, options: OperateOptions, signal: AbortSignal): void {
  if (options.services.length > 0 || rolloutsMeant(workspace, options, signal).length > 0) return;
  const others = [...workspace.store.past().rollouts.values()].map(({ release }) => release.service);
  if (others.length > 0)
    throw failure('MF5303', `a rollout of ${others.join(', ')} is under way, which the configuration names no more`, {
      hint: `Name it: \`modelflow abort ${others[0]}\`, or \`modelflow promote ${others[0]}\`.`,
    });
  throw failure('MF5303', `no rollout of ${workspace.config.pipeline.pipeline} is under way`, {
    hint: '`modelflow status` shows what is live. `modelflow rollback` goes back to the release before.',
  });
}

async function withLease(operation: ServiceOperation, act: (operation: ServiceOperation, held: Held) => Promise<string>): Promise<string> {
  try {
    return await alone(operation, (held) => act(operation, held));
  } catch (error) {
    const [first] = error instanceof ModelflowError ? error.diagnostics : [];
    if (first?.code !== 'MF6103') throw error;
    throw failure('MF5304', first.message, {
      hint: 'A request is passed on within one store folder only: ask there, or stop that run and ask again here.',
      cause: error,
    });
  }
}

function isLocked(error: unknown): error is ModelflowError {
  return error instanceof ModelflowError && error.diagnostics.some(({ code }) => code === 'MF6001');
}

/** True when the other process has taken the request; false when it ended before that, and nobody holds the lock any more. */
async function askRunning(
  workspace: Workspace,
  what: Decision,
  options: OperateOptions,
  signal: AbortSignal,
  locked: ModelflowError,
): Promise<boolean> {
  const { store } = workspace;
  const holder = lockHolder(store);
  if (holder === undefined) return false;
  const wanted = rolloutsMeant(workspace, options, signal);
  if (wanted.length === 0) throw locked;
  const requests = requestsOf(store);
  const by = process.env['GITHUB_ACTOR'] ?? userName();
  const left = wanted.map((of) => ({ ...of, id: randomUUID(), what, by, at: new Date().toISOString() }));
  for (const request of left) requests.leave(request);
  const names = left.map(({ service }) => service).join(', ');
  console.error(`process ${holder.pid} runs the rollout (${holder.command}): it is asked to ${what} ${names}`);
  try {
    for (;;) {
      const isOpen = left.some((request) => requests.pending(request).some(({ id }) => id === request.id));
      if (!isOpen) break;
      if (lockHolder(store) === undefined) return false;
      await pause(lookMs, undefined, { signal });
    }
  } finally {
    for (const { id } of left) requests.remove(id);
  }
  for (const { service, stamp } of left)
    console.log(`${service}: the run ${what === 'promote' ? 'promotes' : 'aborts'} ${stamp.slice(0, 12)} now`);
  return true;
}

/** Of the services that are named, or of all: what the run at work has begun. */
function rolloutsMeant(
  workspace: Workspace,
  { services }: OperateOptions,
  signal: AbortSignal,
): readonly { readonly target: string; readonly service: string; readonly stamp: string }[] {
  const { options } = planPorts(workspace, signal);
  const deploying = workspace.graph.nodes
    .filter((node) => node.node.stage.deploys)
    .map((node) => ({ node: node.name, placement: placementOf(node, options(node)) }));
  const past = pastOf(workspace.store.runs);
  return choose(deploying, services).flatMap((placed) => {
    const release = underwayOf(placed, { past })?.release;
    return release ? [{ target: release.target, service: release.service, stamp: release.stamp }] : [];
  });
}
