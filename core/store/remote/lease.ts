import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { failure } from '../../spec/diagnostic.ts';
import { RemoteError } from '../../spec/remote.ts';
import type { LockHolder } from '../lock.ts';
import { createRecord, getRecord, keyWord, putRecord } from './records.ts';
import type { SharedStore } from './shared.ts';

/** A run of a CI service, which starts again what it has killed. */
export interface CiRun {
  readonly provider: string;
  readonly repository: string;
  readonly run: string;
  /** A newer attempt of the same run begins only when the older one has ended. */
  readonly attempt: number;
  readonly url: string | undefined;
}

/** Who holds a lease. */
export interface LeaseHolder extends LockHolder {
  readonly ci?: CiRun;
}

interface LeaseRecord extends LeaseHolder {
  readonly nonce: string;
  /** By the clock of the store. */
  readonly expiresAt: string;
  readonly released: boolean;
}

export interface LeaseWorld {
  readonly me: LeaseHolder;
  isAlive(holder: { readonly pid: number; readonly startedAt: string }): boolean;
  /** Told once, when somebody else has to be waited for. */
  onWait(holder: LeaseHolder): void;
}

export interface Lease {
  /** Grows with every holder. */
  readonly fence: number;
  /** Makes sure that it is still ours, for as long as a lease lasts from now on: MF6104. */
  check(): Promise<void>;
  release(): Promise<void>;
}

export interface LeaseTimes {
  readonly lastsMs: number;
  readonly waitMs: number;
}

export const leaseLastsMs = 60_000;
const lookAgainMs = 1_000;
/** Who meets others at a free lease tries again for so long, even if it would not wait for a holder. */
const crowdedMs = 10_000;

/**
 * The right to change one service, as numbered records of which the highest counts, as with the lock on disk: `create` lets only one make
 * the next number. A holder that does not renew its record in time is as good as dead; one whose death is known is not waited for.
 */
export async function takeLease(
  service: string,
  shared: SharedStore,
  world: LeaseWorld,
  times: LeaseTimes,
  signal: AbortSignal,
): Promise<Lease> {
  const folder = `leases/${keyWord(service)}/`;
  const nonce = randomBytes(8).toString('hex');
  const began = performance.now();
  let isTold = false;
  for (;;) {
    signal.throwIfAborted();
    const highest = await highestOf(folder, shared, signal);
    const holder = highest === 0 ? undefined : await readLease(folder, highest, shared, signal).catch(unreadable);
    if (holder === 'unreadable')
      throw failure('MF6103', `who is changing ${service} cannot be told: the record ${keyOf(folder, highest)} is damaged`, {
        hint: 'Nothing was deployed. If no other run is at work: `modelflow unlock`.',
      });
    const contender = holder && isHeld(holder, world, shared.remote.now() ?? new Date()) ? holder : undefined;
    if (!contender) {
      const lease = await tryNumber(folder, highest + 1, nonce, shared, world, times, signal);
      if (lease) return lease;
    }
    if (performance.now() - began >= (contender ? times.waitMs : Math.max(times.waitMs, crowdedMs)))
      throw heldFailure(service, contender ?? holder);
    if (contender && !isTold) world.onWait(contender);
    isTold ||= contender !== undefined;
    // Those who met at the same number do not meet at the next.
    await pause(lookAgainMs * (0.2 + Math.random()), undefined, { signal });
  }
}

async function tryNumber(
  folder: string,
  fence: number,
  nonce: string,
  shared: SharedStore,
  world: LeaseWorld,
  times: LeaseTimes,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const { remote } = shared;
  const key = keyOf(folder, fence);
  const recordNow = (released: boolean): LeaseRecord => ({
    ...world.me,
    nonce,
    released,
    expiresAt: new Date((remote.now() ?? new Date()).getTime() + times.lastsMs).toISOString(),
  });
  const made = await createRecord(remote, key, recordNow(false), signal);
  // An answer that was lost on the way is found by asking.
  if (!made && (await readLease(folder, fence, shared, signal))?.nonce !== nonce) return undefined;
  const numbers = await numbersOf(folder, shared, signal);
  if ((numbers.at(-1) ?? 0) > fence) {
    await remote.remove(key, signal);
    return undefined;
  }
  // Where nothing can be deleted, old numbers stay in the list for good.
  for (const old of numbers) if (old < fence && old > fence - 5) await remote.remove(keyOf(folder, old), signal);
  return keptAlive({ folder, fence, shared, times, put: (released, by) => putRecord(remote, key, recordNow(released), by) });
}

interface Renewal {
  readonly folder: string;
  readonly fence: number;
  readonly shared: SharedStore;
  readonly times: LeaseTimes;
  put(released: boolean, signal: AbortSignal): Promise<void>;
}

function keptAlive({ folder, fence, shared, times, put }: Renewal): Lease {
  let lostBecause: string | undefined;
  let untilMs = performance.now() + times.lastsMs;
  const renew = async (): Promise<void> => {
    const asked = performance.now();
    if ((await highestOf(folder, shared, shared.signal)) !== fence) lostBecause = 'another run has taken it over';
    else {
      await put(false, shared.signal);
      untilMs = asked + times.lastsMs;
    }
  };
  // A renewal that fails is tried again at the next turn; whether it was in time is what `check` looks at.
  const timer = setInterval(() => void renew().catch(() => undefined), times.lastsMs / 4);
  timer.unref();
  return {
    fence,
    async check() {
      await renew().catch((error: unknown) => {
        if (!(error instanceof RemoteError)) throw error;
        lostBecause ??= `it could not be renewed: ${error.message}`;
      });
      if (performance.now() >= untilMs) lostBecause ??= 'it was not renewed in time';
      if (lostBecause !== undefined)
        throw failure('MF6104', `the right to change the service was lost: ${lostBecause}`, {
          hint: 'The service was not touched. Run again.',
        });
    },
    async release() {
      clearInterval(timer);
      if (lostBecause !== undefined) return;
      // Who waits sees it; if it cannot be written, it runs out.
      await put(true, shared.signal).catch(() => undefined);
    },
  };
}

/** Breaks the lease of a holder that cannot be asked or read, and says who it was. One that lives on this machine is not broken: MF6103. */
export async function breakLease(
  service: string,
  shared: SharedStore,
  world: LeaseWorld,
  signal: AbortSignal,
): Promise<LeaseHolder | 'unreadable' | undefined> {
  const folder = `leases/${keyWord(service)}/`;
  const highest = await highestOf(folder, shared, signal);
  const holder = highest === 0 ? undefined : await readLease(folder, highest, shared, signal).catch(unreadable);
  if (holder !== 'unreadable') {
    if (!holder || !isHeld(holder, world, shared.remote.now() ?? new Date())) return undefined;
    if (isSameMachine(holder, world.me)) throw heldFailure(service, holder);
  }
  const broken = await tryNumber(
    folder,
    highest + 1,
    randomBytes(8).toString('hex'),
    shared,
    world,
    { lastsMs: leaseLastsMs, waitMs: 0 },
    signal,
  );
  await broken?.release();
  return holder;
}

function isHeld(holder: LeaseRecord, { me, isAlive }: LeaseWorld, now: Date): boolean {
  if (holder.released || new Date(holder.expiresAt) <= now) return false;
  // Machines that are made alike have names alike; the boot tells them apart.
  if (isSameMachine(holder, me)) return isAlive(holder);
  const [theirs, ours] = [holder.ci, me.ci];
  const isSameRun = theirs && ours && theirs.provider === ours.provider && theirs.repository === ours.repository && theirs.run === ours.run;
  return !(isSameRun && ours.attempt > theirs.attempt);
}

function isSameMachine(a: LeaseHolder, b: LeaseHolder): boolean {
  return a.host === b.host && a.boot === b.boot && a.boot !== '';
}

export function holderText(holder: LeaseHolder): string {
  const { ci } = holder;
  if (ci)
    return `run ${ci.run} (attempt ${ci.attempt}) of ${ci.repository} on ${ci.provider}${ci.url ? `, ${ci.url}` : ''}, since ${holder.since}`;
  return `process ${holder.pid} of ${holder.user} on ${holder.host.split('/')[0]}, since ${holder.since} (${holder.command})`;
}

function heldFailure(service: string, holder: LeaseHolder | undefined): Error {
  const who = holder ? holderText(holder) : 'several runs at once';
  return failure('MF6103', `${service} is being changed by another run: ${who}`, {
    hint: `Nothing was deployed. Run again when it has ended; a run that was killed is taken over after ${leaseLastsMs / 1_000} s by itself.`,
  });
}

async function highestOf(folder: string, shared: SharedStore, signal: AbortSignal): Promise<number> {
  return (await numbersOf(folder, shared, signal)).at(-1) ?? 0;
}

async function numbersOf(folder: string, { remote }: SharedStore, signal: AbortSignal): Promise<readonly number[]> {
  const keys = await remote.list(folder, signal);
  return keys.flatMap((key) => (/^\d{8}$/.test(key.slice(folder.length)) ? [Number(key.slice(folder.length))] : [])).sort((a, b) => a - b);
}

function keyOf(folder: string, fence: number): string {
  return `${folder}${String(fence).padStart(8, '0')}`;
}

/** Bytes that are not what was written say nothing of a holder; that the store does not answer is another matter. */
function unreadable(error: unknown): 'unreadable' {
  if (error instanceof RemoteError && error.trouble === 'wrong') return 'unreadable';
  throw error;
}

async function readLease(folder: string, fence: number, { remote }: SharedStore, signal: AbortSignal): Promise<LeaseRecord | undefined> {
  return (await getRecord(remote, keyOf(folder, fence), signal)) as LeaseRecord | undefined;
}
