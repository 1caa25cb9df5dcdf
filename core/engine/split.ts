import { codes } from '../spec/codes.ts';
import { ModelflowError } from '../spec/diagnostic.ts';
import type { ReleaseRecord } from '../spec/event.ts';
import type { RolloutStep } from '../spec/plan.ts';
import type { StoredArtifact } from '../spec/port.ts';
import type { Strategy } from '../spec/strategy.ts';
import type { LiveService, TargetContext } from '../spec/target.ts';
import { applyWhole, desired, namesOf, type Rollout, wasRolledBack } from './release.ts';

/** The release that serves while another one takes over. */
export interface StableRelease {
  readonly release: ReleaseRecord;
  readonly what: StoredArtifact;
}

/** A candidate beside the release that serves. */
export interface Takeover extends Rollout {
  readonly strategy: Strategy;
  readonly stable: StableRelease;
  readonly context: TargetContext;
}

/** Splits the traffic as the step says, unless it is split so. The release before stays ready until the very end. */
export async function arrange(takeover: Takeover, step: RolloutStep): Promise<{ readonly live: LiveService; readonly isMoved: boolean }> {
  const { placement, stable, stamp, what, context, held } = takeover;
  const { target, service } = placement;
  const have = await target.def.read(context, service);
  if (isSplitAs(have, takeover, step)) return { live: have, isMoved: false };
  await held.check();
  const revisions = [desired(stable.release.stamp, 100 - step.weight, stable.what), desired(stamp, step.weight, what, step.mirror)];
  try {
    return { live: await target.def.apply(context, { service, revisions }, have), isMoved: true };
  } catch (error) {
    await undo(takeover, error);
    throw error;
  }
}

/** Is the traffic split as the step wants it? A share that a target rounds is still the same; of what stands still nothing is split. */
export function isSplitAs({ revisions }: LiveService, { stamp, stable }: Takeover, { weight, mirror = 0 }: RolloutStep): boolean {
  const candidate = revisions.find((each) => each.stamp === stamp);
  const other = revisions.find((each) => each.stamp === stable.release.stamp);
  if (candidate === undefined || other === undefined || revisions.length > 2) return false;
  if (candidate.health === 'stopped' || other.health === 'stopped') return false;
  const isNear = (one: number, wanted: number): boolean => (wanted === 0 || wanted === 100 ? one === wanted : Math.abs(one - wanted) < 1);
  return isNear(candidate.weight, weight) && isNear(other.weight, 100 - weight) && isNear(candidate.mirror ?? 0, mirror);
}

/** The target could not do it: what served serves alone again. Where even that cannot be done now, the next run goes on from here. */
async function undo(takeover: Takeover, error: unknown): Promise<void> {
  const { signal, log } = takeover;
  if (signal.aborted || isOutOfReach(error)) return;
  try {
    await restore(takeover, takeover.stable);
  } catch (again) {
    log.warn(`what served before could not be given all the requests back: ${again instanceof Error ? again.message : String(again)}`);
    return;
  }
  const why = error instanceof Error ? error.message : String(error);
  await takeover.emit({ type: 'rollout-ended', ...namesOf(takeover), outcome: 'given-up', why });
}

function isOutOfReach(error: unknown): boolean {
  if (!(error instanceof ModelflowError)) return false;
  return error.diagnostics.some(({ code }) => code === 'MF6104' || codes[code]?.exit === 8);
}

/** A service that does not answer as it should has got a bad release, whatever the counts say. */
export async function refuseUnlessAnswering(takeover: Takeover, live: LiveService): Promise<void> {
  const health = await takeover.placement.target.def.probe(takeover.context, live);
  if (!health.ok) await back(takeover, health.why);
}

/** The candidate is refused, and what served serves alone again. */
export async function back(takeover: Takeover, why: string): Promise<never> {
  const { node, placement, stamp } = takeover;
  await takeover.emit({ type: 'release-refused', node, service: placement.service, stamp, why });
  await putBack(takeover, takeover.stable, why);
  throw wasRolledBack(placement.service, why);
}

/** What is gone back from: its bytes are not needed for that, and may be lost. */
export type Undone = Omit<Rollout, 'what' | 'isForced' | 'reviewed'>;

/** All the requests go to the release before again, and the journal says so. */
export async function putBack(rollout: Undone, stable: StableRelease, why: string): Promise<void> {
  const { node, placement, stamp } = rollout;
  const { service } = placement;
  const live = await restore(rollout, stable);
  await rollout.emit({ type: 'rolled-back', node, service, from: stamp, release: stable.release, live });
  await rollout.emit({ type: 'rollout-ended', ...namesOf(rollout), outcome: 'rolled-back', why });
}

async function restore({ placement, ports, held, signal, log }: Undone, { release, what }: StableRelease): Promise<LiveService> {
  const context = ports.targetContext({ settings: release.settings }, signal, log);
  const have = await placement.target.def.read(context, placement.service);
  await held.check();
  return applyWhole(context, { placement, stamp: release.stamp, what }, have);
}
