import type { Server } from 'node:net';
import { failure, ModelflowError } from '../../../core/index.ts';
import { Front } from './front.ts';
import type { LogFile } from './log-file.ts';
import { Pool } from './pool.ts';
import { listenOn, portOf } from './ports.ts';
import { protocolVersion, type Release, type ServiceState, type Status, tokenOf, type Want } from './protocol.ts';
import { addRelease, dropRelease, pruneReleases } from './releases.ts';
import { pathsOf, writeService } from './state.ts';

/** Owns the port and the server processes of one service. Changes are made one after the other. */
export class Supervisor {
  readonly #folder: string;
  readonly #log: LogFile;
  readonly #front: Front;
  readonly #draining = new Map<Pool, Promise<void>>();
  #state: ServiceState;
  #pool: Pool | undefined;
  #server: Server | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string, state: ServiceState, log: LogFile) {
    this.#folder = folder;
    this.#state = state;
    this.#log = log;
    this.#front = new Front(
      () => this.#pool?.next(),
      (line) => log.append('supervisor', line),
    );
  }

  status(): Status {
    return {
      protocol: protocolVersion,
      service: this.#state.service,
      current: this.#state.current,
      health: this.#pool === undefined || this.#server === undefined ? 'stopped' : this.#pool.health,
      serving: this.#pool?.pids ?? [],
      draining: [...this.#draining.keys()].flatMap((pool) => pool.pids),
    };
  }

  /** Goes on with the release on record, if there is one. What hinders it is logged: the next `apply` will say it too. */
  async resume(): Promise<void> {
    const { current } = this.#state;
    if (current === undefined) return;
    await this.#inTurn(async () => {
      try {
        const server = await listenAgain(current);
        this.#front.serve(server);
        this.#say(`goes on with revision ${current.revision}`);
        const boundPort = portOf(server);
        await this.#switchTo({ ...current, boundPort }, this.#startPool({ ...current, boundPort }), server);
      } catch (error) {
        if (!(error instanceof ModelflowError)) throw error;
        this.#say(error.message);
      }
    });
  }

  /**
   * Makes the service what is wanted. The new release is ready before the old one is let go, and no connection is refused in between.
   * Throws MF5003 or MF5004 with the old release untouched.
   */
  async apply(want: Want, token: string, tell: (line: string) => void, signal: AbortSignal): Promise<Status> {
    return this.#inTurn(async () => {
      signal.throwIfAborted();
      if (await this.#isAsWanted(want, signal)) return this.status();
      if (token !== tokenOf(this.#state.current))
        throw failure('MF5001', `\`${this.#state.service}\` was changed since it was looked at; nothing was done`, { hint: 'Run again.' });
      await this.#replace(want, tell, signal);
      return this.status();
    });
  }

  /** The service is no more: what it has is finished, and its releases are deleted. The numbers of the revisions are not used again. */
  async stop(): Promise<Status> {
    return this.#inTurn(async () => {
      const { current: _, ...rest } = this.#state;
      this.#state = rest;
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

  async #drainAll(): Promise<void> {
    if (this.#server !== undefined) this.#say('stops');
    this.#server?.close();
    this.#server = undefined;
    this.#front.close();
    if (this.#pool !== undefined) this.#letGo(this.#pool);
    this.#pool = undefined;
    await Promise.all(this.#draining.values());
  }

  get hasService(): boolean {
    return this.#state.current !== undefined;
  }

  async #isAsWanted(want: Want, signal: AbortSignal): Promise<boolean> {
    const { current } = this.#state;
    const isSame = current?.stamp === want.stamp && JSON.stringify(current.settings) === JSON.stringify(want.settings);
    if (!isSame || this.#pool === undefined || this.#server === undefined) return false;
    if (this.#pool.health === 'ready') return true;
    try {
      await this.#pool.untilReady(signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.#say(`revision ${current.revision} does not run and is replaced: ${(error as Error).message}`);
      return false;
    }
  }

  async #replace(want: Want, tell: (line: string) => void, signal: AbortSignal): Promise<void> {
    const server = await this.#serverFor(want);
    const revision = this.#state.nextRevision;
    let folder: string | undefined;
    let pool: Pool | undefined;
    try {
      folder = await addRelease(this.#folder, want.bundle, revision, want.stamp);
      // The number is spent before anything runs under it, so that a log never has two releases of one number.
      this.#state = { ...this.#state, nextRevision: revision + 1 };
      await writeService(this.#folder, this.#state);
      const { stamp, settings, runtime } = want;
      const release = { revision, stamp, folder, settings, runtime, boundPort: portOf(server) };
      this.#tell(tell, `starts revision ${revision}`);
      pool = this.#startPool(release);
      await pool.untilReady(signal);
      await this.#switchTo(release, pool, server);
      this.#tell(tell, `revision ${revision} takes the requests`);
    } catch (error) {
      await pool?.kill();
      if (server !== this.#server) server.close();
      if (this.#pool === undefined) this.#front.close();
      if (folder !== undefined) await dropRelease(this.#folder, folder);
      this.#say(error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      await this.#prune();
    }
  }

  /** The listener that is there, when the address is the same; otherwise a new one, beside it. */
  async #serverFor(want: Want): Promise<Server> {
    const current = this.#state.current;
    const isSameHost = current?.settings.host === want.settings.host;
    const isSamePort = want.settings.port === 0 ? current?.settings.port === 0 : current?.boundPort === want.settings.port;
    if (this.#server !== undefined && isSameHost && isSamePort) return this.#server;
    const server = await listenOn(want.settings.host, want.settings.port);
    this.#front.serve(server);
    return server;
  }

  /** Recorded first: whoever comes after a crash starts what was decided, not what was there before. */
  async #switchTo(release: Release, pool: Pool, server: Server): Promise<void> {
    this.#state = { ...this.#state, current: release };
    await writeService(this.#folder, this.#state);
    const before = { pool: this.#pool, server: this.#server };
    this.#pool = pool;
    this.#server = server;
    this.#front.flush();
    if (before.server !== server) before.server?.close();
    if (before.pool !== undefined) this.#letGo(before.pool);
  }

  #letGo(pool: Pool): void {
    const { revision } = pool.release;
    this.#say(`revision ${revision} finishes what it has`);
    const drained = pool
      .drain()
      .then(() => this.#say(`revision ${revision} is gone`))
      .finally(() => this.#draining.delete(pool));
    this.#draining.set(pool, drained);
  }

  #startPool(release: Release): Pool {
    return new Pool({
      release,
      service: this.#state.service,
      releases: pathsOf(this.#folder).releases,
      log: (source, line) => this.#log.append(source, line),
      onReady: () => this.#front.flush(),
    });
  }

  async #prune(): Promise<void> {
    const current = this.#state.current;
    const needed = [current?.folder ?? '', ...[...this.#draining.keys()].map((pool) => pool.release.folder)];
    await pruneReleases(this.#folder, current?.settings.keep ?? 0, new Set(needed));
  }

  #tell(tell: (line: string) => void, line: string): void {
    this.#say(line);
    tell(line);
  }

  #say(line: string): void {
    this.#log.append('supervisor', line);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(act);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}

/** With port 0 the service keeps the port it once got, unless somebody else has it now. */
async function listenAgain({ settings, boundPort }: Release): Promise<Server> {
  try {
    return await listenOn(settings.host, boundPort);
  } catch (error) {
    if (settings.port !== 0) throw error;
    return listenOn(settings.host, 0);
  }
}
