import { join } from 'node:path';
import type { Held } from '../engine/ports.ts';
import type { History } from '../plan/history.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Journal } from '../spec/journal.ts';
import type { Log, ResultCache } from '../spec/port.ts';
import type { RolloutRequests } from '../spec/rollout-request.ts';
import type { ArtifactFolder } from '../store/artifacts.ts';
import type { Disk } from '../store/disk.ts';
import type { Runs } from '../store/journal.ts';
import type { Listings } from '../store/listings.ts';
import { rolloutRequests } from '../store/rollout-requests.ts';

/** The store of one pipeline and profile: the folder on this machine, and behind it what other machines see as well, if there is such a thing. */
export interface Store {
  readonly root: string;
  /** `<pipeline>/<profile>`: what belongs to other pipelines and profiles lies elsewhere. */
  readonly scope: string;
  readonly disk: Disk;
  readonly artifacts: ArtifactFolder;
  readonly results: ResultCache;
  readonly runs: Runs;
  readonly listings: Listings;
  /** What was said of damaged artifacts since the store was opened. */
  readonly quarantined: { readonly digest: string; readonly why: string }[];
  /** What earlier runs left behind, read once: what this command itself does is not in it. */
  past(): History;
  /** What is done with other machines that see this store; undefined when the folder is all there is. */
  readonly sharing: Sharing | undefined;
}

/** What a command does with a store that other machines see as well, beside what it does with every store. */
export interface Sharing {
  /** The journal of a run, from which others learn what they must know before they act. */
  follow(run: string, journal: Journal): Journal;
  /** The right to change a service, alone among all machines. */
  hold(target: string, service: string, signal: AbortSignal, log: Log): Promise<Held>;
  /** Sends what is left to send, ends the connection, and answers what a person should know. */
  finish(run: string, signal: AbortSignal): Promise<{ readonly sent: string | undefined; readonly warnings: readonly Diagnostic[] }>;
  /** Breaks the leases of those that cannot be asked, and answers who they were. */
  unlock(services: readonly { readonly target: string; readonly service: string }[], signal: AbortSignal): Promise<readonly string[]>;
}

/** Where requests to rollouts of this pipeline and profile are left. */
export function requestsOf({ root, scope, disk }: Pick<Store, 'root' | 'scope' | 'disk'>): RolloutRequests {
  return rolloutRequests(join(root, 'requests', scope), disk);
}
