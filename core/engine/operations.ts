import { type History, type ReleaseEntry, serviceKey } from '../plan/history.ts';
import { failure } from '../spec/diagnostic.ts';
import type { NewEvent } from '../spec/event.ts';
import type { Log, StoredArtifact } from '../spec/port.ts';
import type { Placement } from '../spec/ref.ts';
import type { EnginePorts, Held } from './ports.ts';
import { typed } from './rollout.ts';

/** One service of the pipeline, for what is done beside a run. */
export interface ServiceOperation {
  readonly node: string;
  readonly placement: Placement;
  readonly ports: EnginePorts;
  readonly signal: AbortSignal;
  readonly log: Log;
  emit(event: NewEvent): Promise<void>;
}

/** Does something with a service, alone with it among all machines. */
export async function alone<T>({ placement, ports, signal, log }: ServiceOperation, act: (held: Held) => Promise<T>): Promise<T> {
  const held = await ports.hold(placement.target.target, placement.service, signal, log);
  try {
    return await act(held);
  } finally {
    await held.release();
  }
}

/** Puts back the release before the live one, or the one whose stamp begins with `to`. What was live is refused from now on. */
export async function rollBack(operation: ServiceOperation, to: string | undefined): Promise<ReleaseEntry> {
  return alone(operation, (held) => putBack(operation, to, held));
}

async function putBack(operation: ServiceOperation, to: string | undefined, held: Held): Promise<ReleaseEntry> {
  const { placement, ports, signal, log, node } = operation;
  const { target, service } = placement;
  const context = ports.targetContext(target, signal, log);
  const live = await target.def.read(context, service);
  const current = live.revisions.find((revision) => revision.weight > 0)?.stamp;
  const { entry, artifact } = await candidate(operation, current, to, held.past);
  await held.check();
  if (current !== undefined) await operation.emit({ type: 'release-refused', node, service, stamp: current, why: 'rolled back by hand' });
  await operation.emit({ type: 'release-intended', node, release: entry.release });
  const old = ports.targetContext({ settings: entry.release.settings }, signal, log);
  const now = await target.def.apply(
    old,
    { service, revisions: [{ stamp: entry.release.stamp, weight: 100, what: typed(artifact) }] },
    live,
  );
  const health = await target.def.probe(old, now);
  await operation.emit({ type: 'rolled-back', node, service, from: current, release: entry.release, live: now });
  if (!health.ok)
    throw failure(
      'MF5004',
      `${service} is back on release ${entry.release.stamp.slice(0, 12)}, but does not answer as it should: ${health.why}`,
    );
  return entry;
}

async function candidate(
  operation: ServiceOperation,
  current: string | undefined,
  to: string | undefined,
  past: History,
): Promise<{ readonly entry: ReleaseEntry; readonly artifact: StoredArtifact }> {
  const { placement, ports } = operation;
  const key = serviceKey({ target: placement.target.target, service: placement.service });
  const entries = past.releases.get(key) ?? [];
  for (const entry of entries.toReversed()) {
    const { stamp } = entry.release;
    if (stamp === current || (to === undefined ? past.refused.has(stamp) : !stamp.startsWith(to))) continue;
    const artifact = await ports.artifacts.open(entry.release.what, 'verified');
    if (artifact) return { entry, artifact };
  }
  const known = entries.map((entry) => entry.release.stamp.slice(0, 12));
  throw failure(
    'MF5006',
    to === undefined ? `${placement.service} has no earlier release to go back to` : `${placement.service} has no kept release ${to}`,
    {
      hint: known.length === 0 ? 'Nothing has been released yet.' : `Known releases: ${[...new Set(known)].join(', ')}.`,
    },
  );
}

/** Stops a service and frees what it holds. The next run deploys it again. */
export async function takeDown(operation: ServiceOperation): Promise<void> {
  const { placement, ports, signal, log, node } = operation;
  await alone(operation, async (held) => {
    await held.check();
    await placement.target.def.remove(ports.targetContext(placement.target, signal, log), placement.service);
    await operation.emit({ type: 'service-removed', node, service: placement.service });
  });
}
