import type { Held } from '../../engine/ports.ts';
import { failure } from '../../spec/diagnostic.ts';
import { lastingEvents, type NewEvent, type RunEvent } from '../../spec/event.ts';
import type { Log } from '../../spec/port.ts';
import { type RemoteChoice, RemoteError } from '../../spec/remote.ts';
import { breakLease, holderText, type LeaseHolder, type LeaseWorld, leaseLastsMs, takeLease } from '../../store/remote/lease.ts';
import type { SharedRuns } from '../../store/remote/runs.ts';
import type { SharedStore } from '../../store/remote/shared.ts';
import type { Uploaded, Uploads } from '../../store/remote/uploads.ts';
import { lockWorld } from '../lock-world.ts';
import { pastOf } from '../past.ts';
import type { Sharing, Store } from '../store.ts';
import { ciRun } from './access.ts';

export interface SharingParts {
  readonly local: Store;
  readonly shared: SharedStore;
  readonly runs: SharedRuns;
  readonly uploads: Uploads;
  readonly choice: RemoteChoice;
  /** Aborts all that is still asked. */
  end(): void;
}

export function sharingOf(parts: SharingParts): Sharing {
  const { shared, choice } = parts;
  return {
    follow: (run, journal) => ({
      async append(event) {
        const written = await journal.append(event);
        if (mustBeKnown(event)) await tryTo(parts, () => parts.runs.publish(run));
        if (event.type === 'node-reused') await sendReused(parts, event);
        return written;
      },
    }),
    hold: (target, service, signal, log) => hold(parts, `${target}/${service}`, signal, log),
    async finish(run, signal) {
      const isTold = shared.access === 'write' && shared.offline() === undefined;
      const sent = isTold ? await sendTheRest(parts, run, signal) : undefined;
      parts.end();
      shared.remote.close();
      return { sent: sent && sentText(choice.place, sent), warnings: shared.warnings.splice(0) };
    },
    unlock: (services, signal) =>
      orUnusable(choice.place, async () => {
        const broken: string[] = [];
        for (const { target, service } of services) {
          const holder = await breakLease(`${target}/${service}`, shared, leaseWorld(), signal);
          if (holder) broken.push(holder === 'unreadable' ? 'a holder whose record is damaged' : holderText(holder));
        }
        return broken;
      }),
  };
}

/** An intent is not waited for: the world must be touched while the lease is fresh, and then tells by itself. */
function mustBeKnown({ type }: NewEvent): boolean {
  return lastingEvents.has(type) && type !== 'release-intended';
}

/** What was made here before there was a shared store, or while it could not be reached, is of use to others as well. */
async function sendReused({ local, uploads }: SharingParts, { fingerprint }: { readonly fingerprint: string }): Promise<void> {
  const result = await local.results.find(fingerprint);
  if (result) uploads.add(result);
}

async function hold(parts: SharingParts, service: string, signal: AbortSignal, log: Log): Promise<Held> {
  const { shared, choice, runs } = parts;
  const away = shared.offline();
  if (away !== undefined)
    throw failure('MF6101', `${service} is not deployed: ${choice.place} cannot be reached (${away})`, {
      hint: 'What others have deployed cannot be known, and this could deploy a second time. Run again when the store can be reached.',
    });
  if (shared.access === 'read')
    throw failure('MF6105', `${service} is not deployed: this run may only read ${choice.place}`, {
      hint: 'A run that deploys tells others of it. If this one may: MODELFLOW_STORE_ACCESS=write, and credentials that allow it.',
    });
  return orUnusable(choice.place, async () => {
    const wait = (holder: LeaseHolder): void => log.info(`waiting: ${service} is being changed by ${holderText(holder)}`);
    const lease = await takeLease(service, shared, leaseWorld(wait), { lastsMs: leaseLastsMs, waitMs: choice.leaseWaitMs }, signal);
    try {
      // Whoever held it before may have released, or rolled back, what we are about to deploy.
      await runs.fetch();
    } catch (error) {
      await lease.release();
      throw error;
    }
    return { past: pastOf(runs), check: () => lease.check(), release: () => lease.release() };
  });
}

function leaseWorld(onWait: LeaseWorld['onWait'] = () => undefined): LeaseWorld {
  const { me, isAlive } = lockWorld();
  const ci = ciRun(process.env);
  return { me: { ...me, ...(ci ? { ci } : {}) }, isAlive, onWait };
}

/** Of this run and of those before it that could not be sent; waited for, but not for ever. */
async function sendTheRest(parts: SharingParts, run: string, signal: AbortSignal): Promise<Uploaded> {
  const { shared, runs, uploads, local, choice } = parts;
  if (run !== undefined) {
    for (const missed of runs
      .unpublished()
      .filter((id) => id !== run)
      .slice(-5)) {
      for (const { fingerprint } of madeIn(local.runs.events(missed))) await sendReused(parts, { fingerprint });
      await tryTo(parts, () => runs.publish(missed));
    }
  }
  const sent = await uploads.finish(choice.uploadWaitMs, signal);
  if (local.runs.events(run).length > 0) await tryTo(parts, () => runs.publish(run));
  if (sent.left > 0)
    shared.warn({
      code: 'MF6108',
      severity: 'warning',
      message: `${sent.left} ${sent.left === 1 ? 'result was' : 'results were'} not sent to ${choice.place}: ${sent.why}`,
      hint: 'They are kept on this machine; the next run here sends them.',
    });
  return sent;
}

function sentText(place: string, { results, sizeBytes }: Uploaded): string | undefined {
  if (results === 0) return undefined;
  return `sent ${results} ${results === 1 ? 'result' : 'results'} (${(sizeBytes / 1e6).toFixed(1)} MB) to ${place}`;
}

function madeIn(events: readonly RunEvent[]): readonly { readonly fingerprint: string }[] {
  return events.flatMap((event) => (event.type === 'node-finished' ? [event] : []));
}

/** The run goes on without: what could not be told now is told by the next run. */
async function tryTo({ shared, choice }: SharingParts, act: () => Promise<void>): Promise<void> {
  if (shared.access === 'read' || shared.offline() !== undefined) return;
  try {
    await act();
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    if (shared.warnings.some((warning) => warning.code === 'MF6108')) return;
    shared.warn({
      code: 'MF6108',
      severity: 'warning',
      message: `${choice.place} was not told of this run: ${error.message}`,
      hint: 'Other machines do not know yet what it did; the next run here tells them.',
    });
  }
}

/** Turns what a store says into what a person reads, where nothing can be done without the store. */
export async function orUnusable<T>(place: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    throw failure('MF6101', `${place} cannot be used: ${error.message}`, { hint: hints[error.trouble], cause: error });
  }
}

const hints: Readonly<Record<RemoteError['trouble'], string>> = {
  unreachable: 'Nothing was deployed. Run again when the store can be reached.',
  busy: 'Nothing was deployed. Run again in a while.',
  denied: 'Check the credentials, and what they allow.',
  missing: 'Check the name, and make it if it is not there yet.',
  wrong: 'Something else may be listening at that address.',
};
