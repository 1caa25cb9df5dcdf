import { serviceKey } from '../plan/history.ts';
import { failure } from '../spec/diagnostic.ts';
import type { ReleaseRecord } from '../spec/event.ts';
import type { LiveService } from '../spec/target.ts';
import { alone, type ServiceOperation } from './service-operation.ts';

/** Stands for an artifact that nobody knows: such a release cannot be gone back to. */
const unknownArtifact = '0'.repeat(64);

export interface Adopted {
  readonly stamp: string;
  readonly isNew: boolean;
  /** Undefined: it is not known what it was made of. */
  readonly what: string | undefined;
}

/**
 * Writes down that what runs is a release of ours, after it has passed its probe; the world is only read.
 * `known` looks for what the stamp stands for where the journal of this pipeline does not say it.
 */
export async function adopt(operation: ServiceOperation, known: (stamp: string) => ReleaseRecord | undefined): Promise<Adopted> {
  const { placement, ports, signal, log, node } = operation;
  const { target, service } = placement;
  return alone(operation, async (held) => {
    const context = ports.targetContext(target, signal, log);
    const live = await target.def.read(context, service);
    const stamp = stampOf(live, target.target);
    const own = held.past.releases.get(serviceKey({ target: target.target, service })) ?? [];
    const before = own.findLast(({ release }) => release.stamp === stamp)?.release;
    const isNew = own.at(-1)?.release.stamp !== stamp || held.past.refused.has(stamp);
    if (!isNew) return { stamp, isNew, what: before?.what };
    const health = await target.def.probe(context, live);
    if (!health.ok)
      throw failure('MF5102', `${service} is not adopted: it does not answer as it should: ${health.why}`, {
        hint: 'See `modelflow logs`.',
      });
    const what = (before ?? known(stamp))?.what;
    const { by, commit } = ports.origin;
    const settings = before?.settings ?? target.settings;
    const release: ReleaseRecord = { target: target.target, settings, service, stamp, what: what ?? unknownArtifact, by, commit };
    await held.check();
    await operation.emit({ type: 'released', node, release, live });
    return { stamp, isNew, what };
  });
}

function stampOf(live: LiveService, target: string): string {
  const serving = live.revisions.find(({ weight }) => weight > 0) ?? live.revisions[0];
  if (serving === undefined)
    throw failure('MF5100', `there is no ${live.service} on ${target} to adopt`, { hint: '`modelflow run` deploys it.' });
  if (serving.stamp === undefined)
    throw failure('MF5101', `${live.service} on ${target} was deployed by something else: it carries no release of modelflow`, {
      hint: 'The next `modelflow run` replaces it; `modelflow plan` shows with what.',
    });
  return serving.stamp;
}
