import { canonicalJson } from '../plan/canonical.ts';
import { serviceKey } from '../plan/history.ts';
import type { Underway } from '../plan/rollout.ts';
import { refuseUnsplit } from '../plan/rollout-steps.ts';
import { failure } from '../spec/diagnostic.ts';
import type { Log } from '../spec/port.ts';
import { rolling } from '../spec/strategy.ts';
import type { LiveService, TargetContext } from '../spec/target.ts';
import { liveChange, releasedDigest, stableOf } from './live-change.ts';
import { applyWhole, isKnown, namesOf, type Rollout, recordOf, releasesOf, settle } from './release.ts';
import type { StableRelease } from './split.ts';
import { finishBack, takeOver } from './takeover.ts';

/** Brings the service to `stamp`, alone with it among all machines. */
export async function rollOut(rollout: Omit<Rollout, 'held' | 'signal' | 'log'>, signal: AbortSignal, log: Log): Promise<LiveService> {
  const { target, service } = rollout.placement;
  const held = await rollout.ports.hold(target.target, service, signal, log);
  try {
    return await bringAbout({ ...rollout, held, signal, log });
  } finally {
    await held.release();
  }
}

/** An intent is durable before the world is touched, and the world is read before that: after a crash nothing is deployed twice. */
async function bringAbout(rollout: Rollout): Promise<LiveService> {
  const { placement, ports, stamp, what, held, signal, log } = rollout;
  const { target, service } = placement;
  const context = ports.targetContext(target, signal, log);
  const before = await target.def.read(context, service);
  const key = serviceKey({ target: target.target, service });
  const underway = held.past.rollouts.get(key);
  const refused = rollout.isForced ? undefined : held.past.refused.get(stamp);
  const known = { was: releasedDigest(held, target, before), refused, settled: held.past.settled.get(key), underway };
  const { action } = liveChange(placement, before, stamp, what.digest, known);
  if (action === 'none') return isKnown(rollout) ? before : finished(rollout, context, before);
  if (action === 'held') {
    throw failure('MF5007', `${service} is not deployed: this release was refused before (${refused})`, {
      hint: 'Deploy something else, or this again with `modelflow run --force`.',
    });
  }
  const ours = underway?.release.stamp === stamp ? underway : undefined;
  if (ours && refused !== undefined) return finishBack(rollout, ours, refused);
  if (ours && isAlone(before, stamp)) return concluded(rollout, context, before);
  const isGoingOn = ours !== undefined && isSameWay(rollout, ours) && before.revisions.some((each) => each.stamp === ours.from);
  if (!isGoingOn) refuseMoved(rollout, before);
  await refuseProblems(rollout, context);
  const can = { split: target.def.split?.(context), counts: target.def.observe !== undefined };
  refuseUnsplit(strategyOf(rollout), can, { target: target.target, service });
  const stable = await stableRelease(rollout, before, underway);
  await held.check();
  if (underway && !isGoingOn) await giveUp(rollout, underway);
  await ports.results.forget(stamp);
  await rollout.emit({ type: 'release-intended', node: rollout.node, release: recordOf(rollout) });
  rollout.reviewed.token = undefined;
  if (stable) return takeOver({ ...rollout, strategy: strategyOf(rollout), stable, context }, isGoingOn ? ours : undefined);
  return settle(rollout, await applyWhole(context, rollout, before), before);
}

function strategyOf({ placement }: Rollout): NonNullable<Rollout['placement']['strategy']> {
  return placement.strategy ?? rolling();
}

/** What was counted under one rule is no evidence under another. */
function isSameWay(rollout: Rollout, { strategy }: Underway): boolean {
  return canonicalJson(strategyOf(rollout)) === canonicalJson(strategy);
}

function isAlone({ revisions }: LiveService, stamp: string): boolean {
  return revisions.every((each) => each.stamp === stamp && each.weight === 100) && revisions.length > 0;
}

/**
 * Live, but a run was killed before it could say so: that it is released is said now, so that one can go back to it. It is applied once more,
 * which changes nothing but what the killed run had still to take away.
 */
async function finished(rollout: Rollout, context: TargetContext, live: LiveService): Promise<LiveService> {
  return settle(rollout, await applyWhole(context, rollout, live), undefined);
}

/** A run that was killed had brought its rollout to the end, and could not say so. */
async function concluded(rollout: Rollout, context: TargetContext, live: LiveService): Promise<LiveService> {
  await rollout.emit({ type: 'rollout-ended', ...namesOf(rollout), outcome: 'promoted', why: 'it has all the requests' });
  return finished(rollout, context, live);
}

function refuseMoved({ reviewed, placement: { service, target } }: Rollout, { token }: LiveService): void {
  if (reviewed.token === undefined || reviewed.token === token) return;
  throw failure(
    'MF2101',
    `${service} on ${target.target} is not as it was when the plan was reviewed: state ${reviewed.token} -> ${token}`,
    { hint: `${service} was not touched. Make a new plan, and have it reviewed.` },
  );
}

async function refuseProblems({ placement: { target, service } }: Rollout, context: TargetContext): Promise<void> {
  const problems = await target.def.check(context, service);
  const [problem] = problems.filter((each) => each.severity === 'error');
  if (problem) throw failure(problem.code, problem.message, problem);
}

/** The candidate of a rollout that is wanted no more; what is applied next takes it away. */
async function giveUp(rollout: Rollout, { release }: Underway): Promise<void> {
  const { stamp, emit } = rollout;
  const why = release.stamp === stamp ? 'the strategy is another one by now' : `release ${stamp.slice(0, 12)} is wanted by now`;
  await emit({ type: 'rollout-ended', ...namesOf(rollout), stamp: release.stamp, outcome: 'given-up', why });
}

/** What serves, with all that it takes to go on with it beside another release. Undefined where the release takes over at once. */
async function stableRelease(rollout: Rollout, live: LiveService, underway: Underway | undefined): Promise<StableRelease | undefined> {
  const { placement, ports, stamp } = rollout;
  if (strategyOf(rollout).strategy === 'rolling') return undefined;
  const from = live.revisions.find((each) => each.stamp === underway?.from && each.stamp !== stamp);
  const revision = from ?? stableOf(live, stamp);
  // Nothing serves yet, or only what is wanted: there is nothing to compare it with.
  if (revision === undefined || (underway?.from === stamp && from === undefined)) return undefined;
  const entry = releasesOf(rollout).findLast(({ release }) => release.stamp === revision.stamp);
  const what = entry && (await ports.artifacts.open(entry.release.what, 'verified'));
  if (entry && what) return { release: entry.release, what };
  const named = revision.stamp === undefined ? 'made by something else' : `release ${revision.stamp.slice(0, 12)}`;
  const why = entry ? 'its bytes are not in the store any more' : 'no journal knows it';
  throw failure('MF5302', `${placement.service} cannot be rolled out in steps: what serves (${named}) cannot be gone back to, ${why}`, {
    hint: `${placement.service} was not touched. \`modelflow adopt\` writes down what runs; \`rolling()\` replaces it without going back.`,
  });
}
