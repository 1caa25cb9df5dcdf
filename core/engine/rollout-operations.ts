import type { Underway } from '../plan/rollout.ts';
import { failure } from '../spec/diagnostic.ts';
import { abortedText } from './asked.ts';
import type { Held } from './ports.ts';
import type { Rollout } from './release.ts';
import { type ServiceOperation, underwayOf } from './service-operation.ts';
import { putBack, type Undone } from './split.ts';
import { promote, releaseBefore } from './takeover.ts';

/** Gives the candidate all the requests now, and answers with its stamp. MF5303 where there is none. */
export async function promoteRollout(operation: ServiceOperation, held: Held): Promise<string> {
  const underway = underwayOrFail(operation, held);
  const refused = held.past.refused.get(underway.release.stamp);
  if (refused !== undefined)
    throw failure('MF5303', `the candidate of ${operation.placement.service} was refused: ${refused}`, {
      hint: `\`modelflow abort ${operation.placement.service}\` gives the release before all the requests back.`,
    });
  const rollout = await rolloutOf(operation, held, underway);
  const stable = await releaseBefore(rollout, underway);
  await tellAsked(operation, underway, 'promote');
  const context = operation.ports.targetContext(rollout.placement.target, operation.signal, operation.log);
  await promote({ ...rollout, strategy: underway.strategy, stable, context });
  return underway.release.stamp;
}

/** Gives the release before all the requests back, refuses the candidate, and answers with the stamp that serves. MF5303 where there is none. */
export async function abortRollout(operation: ServiceOperation, held: Held): Promise<string> {
  const underway = underwayOrFail(operation, held);
  const { node, placement, ports, emit } = operation;
  const undone = asBegun(operation, held, underway);
  const stable = await releaseBefore(undone, underway);
  await tellAsked(operation, underway, 'abort');
  const why = abortedText(ports.origin.by);
  await emit({ type: 'release-refused', node, service: placement.service, stamp: underway.release.stamp, why });
  await putBack(undone, stable, why);
  return stable.release.stamp;
}

function underwayOrFail(operation: ServiceOperation, held: Held): Underway {
  const underway = underwayOf(operation, held);
  if (underway) return underway;
  throw failure('MF5303', `no rollout of ${operation.placement.service} is under way`, {
    hint: '`modelflow status` shows what is live. `modelflow rollback` goes back to the release before.',
  });
}

/** With the settings that the candidate was begun with, whatever the configuration says by now. */
function asBegun({ node, placement, ports, signal, log, emit }: ServiceOperation, held: Held, { release }: Underway): Undone {
  const target = { ...placement.target, settings: release.settings };
  return { node, placement: { ...placement, target }, stamp: release.stamp, ports, held, signal, log, emit };
}

async function rolloutOf(operation: ServiceOperation, held: Held, underway: Underway): Promise<Rollout> {
  const { placement, ports } = operation;
  const { what: digest, stamp } = underway.release;
  const what = await ports.artifacts.open(digest, 'verified');
  if (!what)
    throw failure('MF5302', `the candidate ${stamp.slice(0, 12)} of ${placement.service} is not in the store any more`, {
      hint: 'Run the pipeline again: it makes the candidate anew, and goes on with the rollout.',
    });
  return { ...asBegun(operation, held, underway), what, isForced: false, reviewed: { token: undefined } };
}

async function tellAsked({ node, emit, ports }: ServiceOperation, { release }: Underway, what: 'promote' | 'abort'): Promise<void> {
  const { target, service, stamp } = release;
  await emit({ type: 'rollout-asked', node, target, service, stamp, what, by: ports.origin.by });
}
