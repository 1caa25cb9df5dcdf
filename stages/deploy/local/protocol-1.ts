import { createHash } from 'node:crypto';
import { z } from '../../../core/index.ts';
import { Release, type ReleaseHealth, ServiceState, type Status, type Want, type WantedRelease } from './protocol.ts';

// What version 1 said and wrote: one release at a time, with all of the requests. Its supervisors may still run.

const OneRelease = Release.omit({ weight: true, mirror: true });
type OneRelease = z.output<typeof OneRelease>;

const OneReleaseState = z
  .object({ format: z.literal(1), service: z.string(), nextRevision: z.int().positive(), current: OneRelease.optional() })
  .transform(
    ({ service, nextRevision, current }): ServiceState => ({
      format: 2,
      service,
      nextRevision,
      releases: current === undefined ? [] : [{ ...current, weight: 100 }],
    }),
  );

/** `service.json` in either form. */
export const AnyServiceState = z.union([ServiceState, OneReleaseState]);

export interface StatusOf1 {
  readonly protocol: 1;
  readonly service: string;
  readonly current: OneRelease | undefined;
  readonly health: ReleaseHealth;
  readonly serving: readonly number[];
  readonly draining: readonly number[];
}

/** Of the requests of version 1, the one that is another now. */
export interface RequestTo1 {
  readonly do: 'apply';
  readonly want: Pick<WantedRelease, 'stamp' | 'bundle'> & Pick<Want, 'settings' | 'runtime'>;
  readonly token: string;
}

/** What a supervisor of version 1 says, in the words of this one. */
export function statusFrom1({ current, health, ...rest }: StatusOf1): Status {
  return { ...rest, releases: current === undefined ? [] : [{ ...current, weight: 100, health }] };
}

/** The same wish in the words of version 1; undefined when it could not fulfil it. */
export function requestTo1({ releases, settings, runtime }: Want, live: Status): RequestTo1 | undefined {
  const [only, ...others] = releases;
  if (only === undefined || others.length > 0 || only.weight !== 100) return undefined;
  const { stamp, bundle } = only;
  return { do: 'apply', want: { stamp, bundle, settings, runtime }, token: tokenOf1(live.releases[0]) };
}

function tokenOf1(current: OneRelease | undefined): string {
  const what = current === undefined ? null : [current.revision, current.stamp, current.boundPort, Object.entries(current.settings).sort()];
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 16);
}
