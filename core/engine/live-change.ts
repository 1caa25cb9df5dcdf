import { differences, withoutSecrets } from '../plan/difference.ts';
import { driftOf, servingOf } from '../plan/drift.ts';
import { type Settled, serviceKey } from '../plan/history.ts';
import { shownUnderway, type Underway } from '../plan/rollout.ts';
import { rolloutSteps } from '../plan/rollout-steps.ts';
import type { LiveChange, PlannedRollout } from '../spec/plan.ts';
import type { Placement } from '../spec/ref.ts';
import type { Change, LiveService, Revision, Split, Target } from '../spec/target.ts';
import type { EnginePorts } from './ports.ts';

/** What the journal knows of a service whose live state is looked at. */
export interface Known {
  /** The digest that the live stamp stands for. */
  readonly was: string | undefined;
  /** Why the wanted stamp was refused. */
  readonly refused: string | undefined;
  readonly settled: Settled | undefined;
  readonly underway: Underway | undefined;
}

/** What would change if `stamp` were wanted. */
export function liveChange(
  placement: Placement,
  live: LiveService,
  stamp: string | undefined,
  what: string | undefined,
  known: Known,
): LiveChange {
  const { target, service } = placement;
  const { underway } = known;
  const drift = driftOf(live, known.settled);
  const base = { target: target.target, service, url: live.url, token: live.token, drift };
  // What it is made of is not known yet, but the settings are.
  const isSaid = live.revisions.length === 0 || Object.keys(live.settings).length > 0;
  const said = withoutSecrets(live.settings, target.settings, known.settled?.release?.settings);
  const settings = isSaid ? differences('settings', said, target.settings) : [];
  if (stamp === undefined)
    return live.revisions.length === 0 ? { ...base, action: 'create', changes: [] } : { ...base, action: 'replace', changes: settings };
  const current = live.revisions.find((revision) => revision.stamp === stamp);
  const isWhole = current?.weight === 100 && current.health === 'ready';
  // Also what a run that was killed has left, which is nobody else's doing.
  const left = drift.length === 0 ? (live.drift ?? []) : [];
  if (isWhole && drift.length === 0 && left.length === 0 && underway === undefined) return { ...base, action: 'none', changes: [] };
  const isOurs = underway?.release.stamp === stamp;
  // A refusal that was broken off before the release before was put back is still carried out.
  if (known.refused !== undefined && !isOurs) return { ...base, action: 'held', changes: [] };
  const changes: Change[] = [];
  const serving = servingOf(live);
  if (known.was !== what || serving === undefined)
    changes.push({ path: 'artifact', before: known.was?.slice(0, 12), after: what?.slice(0, 12) });
  if (underway && !isOurs) changes.push({ path: 'rollout', before: underway.release.stamp.slice(0, 12), after: undefined });
  changes.push(...settings, ...left);
  const { health: now, weight } = current ?? {};
  const health = isWhole
    ? []
    : [now === 'ready' ? { path: 'weight', before: weight, after: 100 } : { path: 'health', before: now, after: 'ready' }];
  if (current && !(isOurs && known.refused === undefined)) return { ...base, action: 'repair', changes: [...changes, ...health] };
  return { ...base, action: serving ? 'replace' : 'create', changes };
}

/** The steps in which a change is made; nothing where the release takes over at once, or nothing serves that it could take over from. */
export function plannedRollout(
  { strategy }: Placement,
  split: Split | undefined,
  live: LiveService,
  stamp: string | undefined,
  underway: Underway | undefined,
): PlannedRollout | undefined {
  const stable = stableOf(live, stamp);
  if (strategy === undefined || strategy.strategy === 'rolling' || stable === undefined) {
    if (underway === undefined) return undefined;
    return {
      strategy: { strategy: 'rolling' },
      steps: [{ weight: 100, mirror: undefined }],
      replicas: undefined,
      underway: shownUnderway(underway),
    };
  }
  return {
    strategy,
    steps: rolloutSteps(strategy, split),
    replicas: split?.by === 'replicas' ? split.replicas : undefined,
    underway: underway && shownUnderway(underway),
  };
}

/** The revision that serves and is not the one that is wanted. One that does not run is nothing to be compared with. */
export function stableOf(live: LiveService, stamp: string | undefined): Revision | undefined {
  const runs = ({ health }: Revision): boolean => health === 'ready' || health === 'starting';
  const others = live.revisions.filter((revision) => revision.stamp !== stamp && revision.weight > 0 && runs(revision));
  return servingOf({ ...live, revisions: others });
}

/** The digest a live service was deployed with, by what the journal knows of its stamp. */
export function releasedDigest(ports: Pick<EnginePorts, 'past'>, target: Target, live: LiveService): string | undefined {
  const entries = ports.past.releases.get(serviceKey({ target: target.target, service: live.service })) ?? [];
  const stamp = servingOf(live)?.stamp;
  return entries.findLast((entry) => entry.release.stamp === stamp)?.release.what;
}
