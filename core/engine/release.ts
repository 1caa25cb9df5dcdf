import { type ReleaseEntry, serviceKey } from '../plan/history.ts';
import { failure } from '../spec/diagnostic.ts';
import type { NewEvent, ReleaseRecord } from '../spec/event.ts';
import type { Log, StoredArtifact } from '../spec/port.ts';
import type { Placement } from '../spec/ref.ts';
import type { DesiredRevision, LiveService, TargetContext } from '../spec/target.ts';
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
  readonly signal: AbortSignal;
  readonly log: Log;
  emit(event: NewEvent): Promise<void>;
}

/** Whose rollout it is, as its events name it. */
export function namesOf({ node, placement, stamp }: Pick<Rollout, 'node' | 'placement' | 'stamp'>): {
  readonly node: string;
  readonly target: string;
  readonly service: string;
  readonly stamp: string;
} {
  return { node, target: placement.target.target, service: placement.service, stamp };
}

/** The releases of the service that the journal knows, oldest first. */
export function releasesOf({ placement, held }: Pick<Rollout, 'placement' | 'held'>): readonly ReleaseEntry[] {
  return held.past.releases.get(serviceKey({ target: placement.target.target, service: placement.service })) ?? [];
}

/** Does the journal say already that this is what was released last? */
export function isKnown(rollout: Rollout): boolean {
  return releasesOf(rollout).at(-1)?.release.stamp === rollout.stamp && !rollout.held.past.refused.has(rollout.stamp);
}

export function recordOf({ placement, stamp, what, ports }: Rollout): ReleaseRecord {
  return {
    target: placement.target.target,
    settings: placement.target.settings,
    service: placement.service,
    stamp,
    what: what.digest,
    ...ports.origin,
  };
}

/** What a target is asked to make live; the artifact's kind was checked when the configuration was evaluated. */
export function desired(stamp: string, weight: number, what: StoredArtifact, mirror?: number): DesiredRevision {
  return { stamp, weight, what: what as never, ...(mirror === undefined ? {} : { mirror }) };
}

/** This release and no other. */
export function applyWhole(
  context: TargetContext,
  { placement, stamp, what }: Pick<Rollout, 'placement' | 'stamp' | 'what'>,
  have: LiveService,
): Promise<LiveService> {
  const { target, service } = placement;
  return target.def.apply(context, { service, revisions: [desired(stamp, 100, what)] }, have);
}

/** Applied is not released before it answers as it should. `before` undefined: what was live before is not known any more. */
export async function settle(rollout: Rollout, live: LiveService, before: LiveService | undefined): Promise<LiveService> {
  const { placement, ports, signal, log } = rollout;
  const { target } = placement;
  const health = await target.def.probe(ports.targetContext(target, signal, log), live);
  if (!health.ok) return goBack(rollout, before, health.why);
  await rollout.emit({ type: 'released', node: rollout.node, release: recordOf(rollout), live });
  return live;
}

/** The new release answers wrongly: put back what was live before, and remember not to try this one again. */
async function goBack(rollout: Rollout, before: LiveService | undefined, why: string): Promise<never> {
  const { placement, ports, held, stamp, node, signal, log } = rollout;
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
  const have = await target.def.read(context, service);
  const back = await applyWhole(context, { placement, stamp: entry.release.stamp, what: artifact }, have);
  await rollout.emit({ type: 'rolled-back', node, service, from: stamp, release: entry.release, live: back });
  throw wasRolledBack(service, why);
}

export function wasRolledBack(service: string, why: string): Error {
  return failure('MF5005', `${service} was rolled back: ${why}`, {
    hint: 'The release before it serves again. This one is not deployed again without --force.',
  });
}
