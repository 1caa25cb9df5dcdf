import type { Underway } from '../plan/rollout.ts';
import { rolloutSteps } from '../plan/rollout-steps.ts';
import { failure } from '../spec/diagnostic.ts';
import type { RolloutStep } from '../spec/plan.ts';
import type { LiveService } from '../spec/target.ts';
import { applyWhole, namesOf, type Rollout, recordOf, releasesOf, wasRolledBack } from './release.ts';
import { arrange, back, putBack, refuseUnlessAnswering, type StableRelease, type Takeover } from './split.ts';
import { awaitReady, watchKept, watchStep } from './watch.ts';

/** Step by step, each durable before the traffic is moved. `underway`: as far as an earlier run came with it. */
export async function takeOver(takeover: Takeover, underway: Underway | undefined): Promise<LiveService> {
  const { node, strategy, stable, signal, log, placement } = takeover;
  if (underway === undefined)
    await takeover.emit({ type: 'rollout-began', node, release: recordOf(takeover), from: stable.release.stamp, strategy });
  if (underway?.asked === 'abort') return back(takeover, 'somebody asked to abort it');
  try {
    return await walk(takeover, underway);
  } catch (error) {
    if (signal.aborted) {
      const { revisions } = await placement.target.def
        .read({ ...takeover.context, signal: new AbortController().signal }, placement.service)
        .catch(() => ({ revisions: [] }));
      const weight = revisions.find((each) => each.stamp === takeover.stamp)?.weight ?? 0;
      log.warn(
        `stopped: the traffic of ${placement.service} stays as it is split, ${takeover.stamp.slice(0, 12)} gets ${weight} %; run again to go on, or \`modelflow promote\`, or \`modelflow abort\``,
      );
    }
    throw error;
  }
}

async function walk(takeover: Takeover, underway: Underway | undefined): Promise<LiveService> {
  const { strategy, placement, context } = takeover;
  const steps = rolloutSteps(strategy, placement.target.def.split?.(context));
  const last = steps.length - 1;
  const phases = new Map((underway?.phases ?? []).map(({ step, phase }) => [step, phase]));
  const sources = new Map((underway?.traffic?.sources ?? []).map((source) => [source.source, source]));
  const begun = underway?.step === undefined ? undefined : Math.min(underway.step, last);
  for (let at = underway?.asked === 'promote' ? last : (begun ?? 0); ; at++) {
    const step = steps[at] as RolloutStep;
    if (at !== begun) await tellStep(takeover, at, step);
    const { live, isMoved } = await arrange(takeover, step);
    await refuseUnlessAnswering(takeover, live);
    if (at === last) return finish(takeover, live);
    const next = steps[at + 1] as RolloutStep;
    const traffic = at === begun && !isMoved ? underway?.traffic : undefined;
    const end =
      strategy.strategy === 'blue-green'
        ? await awaitReady(takeover)
        : await watchStep(takeover, { at, step, nextShare: next.weight / 100, phases, traffic, sources });
    if (end === 'finish') at = last - 1;
  }
}

/** To the last step at once, without looking on. */
export async function promote(takeover: Takeover): Promise<LiveService> {
  const steps = rolloutSteps(takeover.strategy, takeover.placement.target.def.split?.(takeover.context));
  const step: RolloutStep = { weight: 100, mirror: undefined };
  await tellStep(takeover, steps.length - 1, step);
  const { live } = await arrange(takeover, step);
  await refuseUnlessAnswering(takeover, live);
  return conclude(takeover, live);
}

async function tellStep(takeover: Takeover, step: number, { weight, mirror }: RolloutStep): Promise<void> {
  await takeover.emit({ type: 'rollout-step', ...namesOf(takeover), step, weight, mirror });
}

async function finish(takeover: Takeover, live: LiveService): Promise<LiveService> {
  const { strategy } = takeover;
  if (strategy.strategy === 'blue-green') await watchKept(takeover, strategy.keepMs);
  return conclude(takeover, live);
}

async function conclude(takeover: Takeover, live: LiveService): Promise<LiveService> {
  const { node, placement, context, held } = takeover;
  const { target, service } = placement;
  const have = live.revisions.length === 1 ? live : await target.def.read(context, service);
  await held.check();
  const now = await applyWhole(context, takeover, have);
  const why = 'it has all the requests';
  await takeover.emit({ type: 'rollout-ended', ...namesOf(takeover), outcome: 'promoted', why });
  await takeover.emit({ type: 'released', node, release: recordOf(takeover), live: now });
  return now;
}

/** A run that was killed had refused the candidate, and not put back yet what served. */
export async function finishBack(rollout: Rollout, underway: Underway, why: string): Promise<never> {
  await putBack(rollout, await releaseBefore(rollout, underway), why);
  throw wasRolledBack(rollout.placement.service, why);
}

/** The release that a rollout under way began from. MF5302 where it is not kept. */
export async function releaseBefore(rollout: Pick<Rollout, 'placement' | 'held' | 'ports'>, { from }: Underway): Promise<StableRelease> {
  const entry = releasesOf(rollout).findLast(({ release }) => release.stamp === from);
  const what = entry && (await rollout.ports.artifacts.open(entry.release.what, 'verified'));
  if (entry && what) return { release: entry.release, what };
  throw failure('MF5302', `release ${from.slice(0, 12)} of ${rollout.placement.service} is not in the store any more`, {
    hint: 'The traffic stays split as it is. `modelflow promote` gives the new release all of it.',
  });
}
