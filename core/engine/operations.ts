import { servingOf } from '../plan/drift.ts';
import { type History, type ReleaseEntry, serviceKey } from '../plan/history.ts';
import { failure } from '../spec/diagnostic.ts';
import type { StoredArtifact } from '../spec/port.ts';
import type { Held } from './ports.ts';
import { desired } from './release.ts';
import { abortRollout } from './rollout-operations.ts';
import { alone, type ServiceOperation, underwayOf } from './service-operation.ts';

/** Puts back the release before the live one, or the one that `to` means: its number, or the beginning of its stamp. What was live is refused from now on. */
export async function rollBack(operation: ServiceOperation, to: string | undefined): Promise<ReleaseEntry> {
  return alone(operation, async (held) => {
    const underway = underwayOf(operation, held);
    if (underway === undefined) return putBack(operation, to, held);
    const entries = entriesOf(operation, held.past);
    const before = entries.findLast(({ release }) => release.stamp === underway.from);
    const isBefore = to === undefined || (before !== undefined && stampMeant(to, entries) === underway.from);
    if (isBefore && before) {
      await abortRollout(operation, held);
      return before;
    }
    const { stamp, target, service } = underway.release;
    const why = 'rolled back by hand';
    await operation.emit({ type: 'release-refused', node: operation.node, service, stamp, why });
    const entry = await putBack(operation, to, held);
    await operation.emit({ type: 'rollout-ended', node: operation.node, target, service, stamp, outcome: 'rolled-back', why });
    return entry;
  });
}

function entriesOf({ placement }: ServiceOperation, past: History): readonly ReleaseEntry[] {
  return past.releases.get(serviceKey({ target: placement.target.target, service: placement.service })) ?? [];
}

/** The stamp that a word on the command line stands for: the number of a release as `releases` shows it, or the beginning of a stamp. */
function stampMeant(word: string, entries: readonly ReleaseEntry[]): string | undefined {
  const number = /^#?\d{1,4}$/.test(word) ? Number(word.replace('#', '')) : 0;
  const numbered = number > 0 ? entries[number - 1]?.release.stamp : undefined;
  return numbered ?? entries.findLast(({ release }) => release.stamp.startsWith(word))?.release.stamp;
}

async function putBack(operation: ServiceOperation, to: string | undefined, held: Held): Promise<ReleaseEntry> {
  const { placement, ports, signal, log, node } = operation;
  const { target, service } = placement;
  const context = ports.targetContext(target, signal, log);
  const live = await target.def.read(context, service);
  const current = servingOf(live)?.stamp;
  const { entry, artifact } = await candidate(operation, current, to, held.past);
  await held.check();
  if (current !== undefined) await operation.emit({ type: 'release-refused', node, service, stamp: current, why: 'rolled back by hand' });
  await operation.emit({ type: 'release-intended', node, release: entry.release });
  const old = ports.targetContext({ settings: entry.release.settings }, signal, log);
  const now = await target.def.apply(old, { service, revisions: [desired(entry.release.stamp, 100, artifact)] }, live);
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
  const entries = entriesOf(operation, past);
  const meant = to === undefined ? undefined : stampMeant(to, entries);
  for (const entry of entries.toReversed()) {
    const { stamp } = entry.release;
    if (stamp === current || (to === undefined ? past.refused.has(stamp) : stamp !== meant)) continue;
    const artifact = await ports.artifacts.open(entry.release.what, 'verified');
    if (artifact) return { entry, artifact };
  }
  if (to !== undefined && current !== undefined && meant === current)
    throw failure('MF5006', `${placement.service} serves release ${to} already`, { hint: '`modelflow releases` shows which one is live.' });
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
    await operation.emit({ type: 'service-removed', node, target: placement.target.target, service: placement.service });
  });
}
