import { differences, withoutSecrets } from '../plan/difference.ts';
import { driftOf } from '../plan/drift.ts';
import { type ReleaseEntry, type Settled, serviceKey } from '../plan/history.ts';
import { failure } from '../spec/diagnostic.ts';
import type { NewEvent, ReleaseRecord } from '../spec/event.ts';
import type { LiveChange } from '../spec/plan.ts';
import type { Log, StoredArtifact } from '../spec/port.ts';
import type { Placement } from '../spec/ref.ts';
import type { Change, LiveService, Target } from '../spec/target.ts';
import type { EnginePorts, Held } from './ports.ts';

/** What a release needs beside the live world. */
export interface Rollout {
  readonly node: string;
  readonly placement: Placement;
  readonly stamp: string;
  readonly what: StoredArtifact;
  readonly isForced: boolean;
  /** The state of the live world that a reviewed plan speaks of; undefined once this run has changed it itself. */
  readonly reviewed: { token: string | undefined };
  readonly ports: EnginePorts;
  readonly held: Held;
  emit(event: NewEvent): Promise<void>;
}

/** What would change if `stamp` were wanted. `was` is the digest that the live stamp stands for, where the journal knows it. */
export function liveChange(
  placement: Placement,
  live: LiveService,
  stamp: string | undefined,
  what: string | undefined,
  known: { readonly was: string | undefined; readonly refused: string | undefined; readonly settled: Settled | undefined },
): LiveChange {
  const { target, service } = placement;
  const drift = driftOf(live, known.settled);
  const base = { target: target.target, service, url: live.url, token: live.token, drift };
  // What it is made of is not known yet, but the settings are.
  const settings = differences(
    'settings',
    withoutSecrets(live.settings, target.settings, known.settled?.release?.settings),
    target.settings,
  );
  if (stamp === undefined)
    return live.revisions.length === 0 ? { ...base, action: 'create', changes: [] } : { ...base, action: 'replace', changes: settings };
  const current = live.revisions.find((revision) => revision.stamp === stamp);
  const isWhole = current?.weight === 100 && current.health === 'ready';
  if (isWhole && drift.length === 0) return { ...base, action: 'none', changes: [] };
  if (known.refused !== undefined) return { ...base, action: 'held', changes: [] };
  const changes: Change[] = [];
  const serving = live.revisions.find((revision) => revision.weight > 0) ?? live.revisions[0];
  if (known.was !== what || serving === undefined)
    changes.push({ path: 'artifact', before: known.was?.slice(0, 12), after: what?.slice(0, 12) });
  changes.push(...settings);
  const health = isWhole ? [] : [{ path: 'health', before: current?.health, after: 'ready' }];
  if (current) return { ...base, action: 'repair', changes: [...changes, ...health] };
  return { ...base, action: serving ? 'replace' : 'create', changes };
}

/** The digest a live service was deployed with, by what the journal knows of its stamp. */
export function releasedDigest(ports: Pick<EnginePorts, 'past'>, target: Target, live: LiveService): string | undefined {
  const entries = ports.past.releases.get(serviceKey({ target: target.target, service: live.service })) ?? [];
  const stamps = new Set(live.revisions.filter((revision) => revision.weight > 0).map((revision) => revision.stamp));
  return entries.findLast((entry) => stamps.has(entry.release.stamp))?.release.what;
}

/** Brings the service to `stamp`, alone with it among all machines. */
export async function rollOut(rollout: Omit<Rollout, 'held'>, signal: AbortSignal, log: Log): Promise<LiveService> {
  const { target, service } = rollout.placement;
  const held = await rollout.ports.hold(target.target, service, signal, log);
  try {
    return await bringAbout({ ...rollout, held }, signal, log);
  } finally {
    await held.release();
  }
}

/** An intent is durable before the world is touched, and the world is read before that: after a crash nothing is deployed twice. */
async function bringAbout(rollout: Rollout, signal: AbortSignal, log: Log): Promise<LiveService> {
  const { placement, ports, stamp, what, held } = rollout;
  const { target, service } = placement;
  const context = ports.targetContext(target, signal, log);
  const before = await target.def.read(context, service);
  const refused = rollout.isForced ? undefined : held.past.refused.get(stamp);
  const settled = held.past.settled.get(serviceKey({ target: target.target, service }));
  const change = liveChange(placement, before, stamp, what.digest, { was: releasedDigest(held, target, before), refused, settled });
  // Live, but a run that was killed before it could say so: that it is released is said now, so that one can go back to it.
  if (change.action === 'none') return isKnown(rollout) ? before : settle(rollout, before, undefined, signal, log);
  if (change.action === 'held') {
    throw failure('MF5007', `${service} is not deployed: this release was refused before (${refused})`, {
      hint: 'Deploy something else, or this again with `modelflow run --force`.',
    });
  }
  if (rollout.reviewed.token !== undefined && rollout.reviewed.token !== before.token)
    throw failure(
      'MF2101',
      `${service} on ${target.target} is not as it was when the plan was reviewed: state ${rollout.reviewed.token} -> ${before.token}`,
      {
        hint: `${service} was not touched. Make a new plan, and have it reviewed.`,
      },
    );
  const problems = await target.def.check(context, service);
  const [problem] = problems.filter((each) => each.severity === 'error');
  if (problem) throw failure(problem.code, problem.message, problem);
  const release = recordOf(rollout);
  await held.check();
  await ports.results.forget(stamp);
  await rollout.emit({ type: 'release-intended', node: rollout.node, release });
  rollout.reviewed.token = undefined;
  const live = await target.def.apply(context, { service, revisions: [{ stamp, weight: 100, what: typed(what) }] }, before);
  return settle(rollout, live, before, signal, log);
}

function releasesOf({ placement, held }: Rollout): readonly ReleaseEntry[] {
  return held.past.releases.get(serviceKey({ target: placement.target.target, service: placement.service })) ?? [];
}

function isKnown(rollout: Rollout): boolean {
  return releasesOf(rollout).at(-1)?.release.stamp === rollout.stamp && !rollout.held.past.refused.has(rollout.stamp);
}

/** Applied is not released before it answers as it should. `before` undefined: what was live before is not known any more. */
async function settle(
  rollout: Rollout,
  live: LiveService,
  before: LiveService | undefined,
  signal: AbortSignal,
  log: Log,
): Promise<LiveService> {
  const { target } = rollout.placement;
  const health = await target.def.probe(rollout.ports.targetContext(target, signal, log), live);
  if (!health.ok) return goBack(rollout, before, health.why, signal, log);
  await rollout.emit({ type: 'released', node: rollout.node, release: recordOf(rollout), live });
  return live;
}

function recordOf({ placement, stamp, what, ports }: Rollout): ReleaseRecord {
  return {
    target: placement.target.target,
    settings: placement.target.settings,
    service: placement.service,
    stamp,
    what: what.digest,
    ...ports.origin,
  };
}

/** The artifact in the form a target takes it: its kind was checked when the configuration was evaluated. */
export function typed(artifact: StoredArtifact): never {
  return artifact as never;
}

/** The new release answers wrongly: put back what was live before, and remember not to try this one again. */
async function goBack(rollout: Rollout, before: LiveService | undefined, why: string, signal: AbortSignal, log: Log): Promise<never> {
  const { placement, ports, held, stamp, node } = rollout;
  const { service, target } = placement;
  const stamps = before?.revisions.filter((revision) => revision.weight > 0).map((revision) => revision.stamp);
  const entry = releasesOf(rollout).findLast(({ release }) =>
    stamps ? stamps.includes(release.stamp) : release.stamp !== stamp && !held.past.refused.has(release.stamp),
  );
  const artifact = entry && (await ports.artifacts.open(entry.release.what, 'verified'));
  await rollout.emit({ type: 'release-refused', node, service, stamp, why });
  if (!entry || !artifact)
    throw failure('MF5004', `${service} does not answer as it should: ${why}`, {
      hint: 'There is no earlier release to put back. See `modelflow logs`.',
    });
  const context = ports.targetContext({ settings: entry.release.settings }, signal, log);
  const back = await target.def.apply(
    context,
    { service, revisions: [{ stamp: entry.release.stamp, weight: 100, what: typed(artifact) }] },
    await target.def.read(context, service),
  );
  await rollout.emit({ type: 'rolled-back', node, service, from: stamp, release: entry.release, live: back });
  throw failure('MF5005', `${service} was rolled back: ${why}`, {
    hint: 'The release before it serves again. This one is not deployed again without --force.',
  });
}
