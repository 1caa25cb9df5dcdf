import { failure, ModelflowError } from '../../../core/index.ts';
import { Front } from './front.ts';
import { inTurn } from './in-turn.ts';
import { Leaving } from './leaving.ts';
import { Listeners } from './listeners.ts';
import type { LogFile } from './log-file.ts';
import { Pool } from './pool.ts';
import { protocolVersion, type Release, type ServiceState, type Status, tokenOf, type Want, type WantedRelease } from './protocol.ts';
import { addRelease, dropRelease, pruneReleases } from './releases.ts';
import { pathsOf, writeService } from './state.ts';
import { isAsWanted, isNeeded, shareOf, withShare } from './wanted.ts';
import { type Served, Way } from './way.ts';

/** Owns the ports and the server processes of one service. Changes are made one after the other. */
export class Supervisor {
  readonly #folder: string;
  readonly #log: LogFile;
  readonly #front: Front;
  readonly #listeners: Listeners;
  readonly #way: Way;
  readonly #inTurn = inTurn();
  /** Of the releases on record, by their stamp. */
  readonly #pools = new Map<string, Pool>();
  readonly #leaving = new Leaving((line) => this.#say(line));
  #state: ServiceState;
  #routerEnded: Promise<void> = Promise.resolve();

  constructor(folder: string, state: ServiceState, log: LogFile) {
    this.#folder = folder;
    this.#state = state;
    this.#log = log;
    this.#front = new Front(
      () => this.#way.next(),
      (line) => this.#say(line),
    );
    this.#listeners = new Listeners(this.#front);
    this.#way = new Way(this.#front, (source, line) => log.append(source, line));
  }

  status(): Status {
    const { service, releases } = this.#state;
    const router = this.#way.routerPid;
    return {
      protocol: protocolVersion,
      service,
      releases: releases.map((release) => ({
        ...release,
        health: this.#listeners.has(release) ? (this.#pools.get(release.stamp)?.health ?? 'stopped') : 'stopped',
      })),
      serving: [...this.#pools.values()].flatMap((pool) => pool.pids),
      draining: this.#leaving.pids,
      ...(router === undefined ? {} : { router }),
    };
  }

  /** With what the router has counted, while there is one. */
  async traffic(): Promise<Status> {
    const traffic = await this.#way.traffic();
    return { ...this.status(), ...(traffic === undefined ? {} : { traffic }) };
  }

  /** Goes on with the releases on record, if there are any. What hinders it is logged: the next `apply` will say it too. */
  async resume(): Promise<void> {
    if (this.#state.releases.length === 0) return;
    await this.#inTurn(async () => {
      try {
        const releases: Release[] = [];
        for (const release of this.#state.releases) {
          releases.push({ ...release, boundPort: await this.#listeners.takeAgain(release) });
          this.#say(`goes on with revision ${release.revision}`);
        }
        await this.#switchTo(releases.map((release) => ({ release, pool: this.#startPool(release) })));
      } catch (error) {
        if (!(error instanceof ModelflowError)) throw error;
        this.#say(error.message);
      }
    });
  }

  /**
   * Makes the service what is wanted. A new release is ready before it gets a request, and no connection is refused.
   * Throws MF5003, MF5004 or MF5340 with what was live untouched.
   */
  async apply(want: Want, token: string, tell: (line: string) => void, signal: AbortSignal): Promise<Status> {
    return this.#inTurn(async () => {
      signal.throwIfAborted();
      const unfit = await this.#unfit(want, signal);
      if (isAsWanted(this.#state.releases, want) && unfit.size === 0 && this.#way.isOpen) return this.status();
      if (token !== tokenOf(this.#state.releases))
        throw failure('MF5001', `\`${this.#state.service}\` was changed since it was looked at; nothing was done`, { hint: 'Run again.' });
      const tellAll = (line: string): void => {
        this.#say(line);
        tell(line);
      };
      await this.#change(want, unfit, tellAll, signal);
      return this.status();
    });
  }

  /** The service is no more: what it has is finished, and its releases are deleted. The numbers of the revisions are not used again. */
  async stop(): Promise<Status> {
    return this.#inTurn(async () => {
      this.#state = { ...this.#state, releases: [] };
      await writeService(this.#folder, this.#state);
      await this.#drainAll();
      await pruneReleases(this.#folder, 0, new Set());
      return this.status();
    });
  }

  /** The service stops but stays on record: the next supervisor goes on with it. */
  async shutDown(): Promise<void> {
    await this.#inTurn(() => this.#drainAll());
  }

  get hasService(): boolean {
    return this.#state.releases.length > 0;
  }

  async #drainAll(): Promise<void> {
    if (this.#pools.size > 0) this.#say('stops');
    this.#listeners.keepOnly([]);
    this.#front.close();
    await this.#way.end();
    await this.#routerEnded;
    for (const [stamp, pool] of [...this.#pools]) this.#letGo(stamp, pool);
    await this.#leaving.allGone();
  }

  /** Stamps of wanted releases that should run and do not; those that are just starting are waited for. */
  async #unfit(want: Want, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const unfit = new Set<string>();
    for (const { revision, stamp } of this.#state.releases) {
      const pool = this.#pools.get(stamp);
      if (!isNeeded(stamp, want) || pool?.health === 'ready') continue;
      try {
        if (pool === undefined) throw new Error('it could not be started');
        await pool.untilReady(signal);
      } catch (error) {
        signal.throwIfAborted();
        unfit.add(stamp);
        this.#say(`revision ${revision} does not run and is replaced: ${(error as Error).message}`);
      }
    }
    return unfit;
  }

  async #change(want: Want, unfit: ReadonlySet<string>, tell: (line: string) => void, signal: AbortSignal): Promise<void> {
    const added: Served[] = [];
    try {
      const served: Served[] = [];
      for (const wanted of want.releases) {
        const there = unfit.has(wanted.stamp) ? undefined : this.#there(wanted.stamp);
        if (there !== undefined) {
          served.push({ release: withShare(there.release, wanted), pool: there.pool });
          continue;
        }
        const begun = await this.#begin(wanted, want, added, tell);
        await begun.pool.untilReady(signal);
        served.push(begun);
      }
      await this.#switchTo(served);
      const { releases } = this.#state;
      for (const { release } of added) if (release.weight > 0) tell(`revision ${release.revision} takes ${shareOf(release, releases)}`);
    } catch (error) {
      await this.#undo(added);
      this.#say(error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      await this.#prune();
    }
  }

  /** The release of this stamp as it runs. */
  #there(stamp: string): Served | undefined {
    const release = this.#state.releases.find((each) => each.stamp === stamp);
    const pool = this.#pools.get(stamp);
    return release !== undefined && pool !== undefined && this.#listeners.has(release) ? { release, pool } : undefined;
  }

  /** What was begun for a change that was not made. */
  async #undo(added: readonly Served[]): Promise<void> {
    for (const { release, pool } of added) {
      if (this.#pools.get(release.stamp) === pool) continue;
      await pool.kill();
      this.#way.forget(pool);
      await dropRelease(this.#folder, release.folder);
    }
    this.#listeners.keepOnly(this.#state.releases);
    if (this.#pools.size === 0) this.#front.close();
  }

  /** A release that is not there yet, in `added` as soon as something of it is. */
  async #begin(wanted: WantedRelease, { settings, runtime }: Want, added: Served[], tell: (line: string) => void): Promise<Served> {
    const { stamp, weight, bundle } = wanted;
    const boundPort = await this.#listeners.take(settings, this.#state.releases);
    const revision = this.#state.nextRevision;
    const folder = await addRelease(this.#folder, bundle, revision, stamp);
    // The number is spent before anything runs under it, so that a log never has two releases of one number.
    this.#state = { ...this.#state, nextRevision: revision + 1 };
    await writeService(this.#folder, this.#state);
    const release = withShare({ revision, stamp, folder, settings, runtime, boundPort, weight }, wanted);
    tell(`starts revision ${revision}`);
    const begun = { release, pool: this.#startPool(release) };
    added.push(begun);
    return begun;
  }

  /** Recorded before anything moves: whoever comes after a crash starts what was decided, not what was there before. */
  async #switchTo(served: readonly Served[]): Promise<void> {
    const router = await this.#way.prepare(served);
    const releases = served.map(({ release }) => release).sort((left, right) => left.revision - right.revision);
    this.#state = { ...this.#state, releases };
    await writeService(this.#folder, this.#state);
    const pools = new Set(served.map(({ pool }) => pool));
    const leaving = [...this.#pools].filter(([, pool]) => !pools.has(pool));
    for (const { release, pool } of served) this.#pools.set(release.stamp, pool);
    const { ended } = await this.#way.lead(served, router);
    this.#routerEnded = Promise.all([this.#routerEnded, ended]).then(() => {});
    this.#listeners.keepOnly(releases);
    for (const [stamp, pool] of leaving) this.#letGo(stamp, pool);
  }

  #letGo(stamp: string, pool: Pool): void {
    if (this.#pools.get(stamp) === pool) this.#pools.delete(stamp);
    this.#way.forget(pool);
    this.#leaving.add(pool);
  }

  #startPool(release: Release): Pool {
    const pool: Pool = new Pool({
      release,
      service: this.#state.service,
      releases: pathsOf(this.#folder).releases,
      log: (source, line) => this.#log.append(source, line),
      onChange: () => this.#way.changed(pool),
    });
    return pool;
  }

  async #prune(): Promise<void> {
    const { releases } = this.#state;
    const needed = [...releases.map(({ folder }) => folder), ...this.#leaving.folders];
    await pruneReleases(this.#folder, releases.at(-1)?.settings.keep ?? 0, new Set(needed));
  }

  #say(line: string): void {
    this.#log.append('supervisor', line);
  }
}
