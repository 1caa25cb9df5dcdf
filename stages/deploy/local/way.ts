import type { TrafficSource } from '../../../core/index.ts';
import type { RouteTable } from '../../../core/route/index.ts';
import { Entrance } from './entrance.ts';
import type { Front } from './front.ts';
import type { Pool } from './pool.ts';
import { leading, type Release } from './protocol.ts';
import { RouterProcess } from './router-process.ts';
import type { ServerProcess } from './server-process.ts';

/** A release at work, with what it is to get. */
export interface Served {
  readonly release: Release;
  readonly pool: Pool;
}

/**
 * How connections get to the servers: handed to those of the one release that answers everything, or, while requests are split or copied,
 * to a router that knows the others by their entrances.
 */
export class Way {
  readonly #front: Front;
  readonly #log: (source: string, line: string) => void;
  readonly #entrances = new Map<Pool, Entrance>();
  #direct: Pool | undefined;
  #router: RouterProcess | undefined;

  constructor(front: Front, log: (source: string, line: string) => void) {
    this.#front = front;
    this.#log = log;
  }

  /** Who takes the next connection. */
  next(): ServerProcess | undefined {
    return this.#router === undefined ? this.#direct?.next() : this.#router.next();
  }

  /** Whoever should take connections does. */
  get isOpen(): boolean {
    return this.next() !== undefined;
  }

  get routerPid(): number | undefined {
    return this.#router?.pid;
  }

  async traffic(): Promise<TrafficSource | undefined> {
    return this.#router?.traffic();
  }

  /** A server of the pool has become ready, or is gone. */
  changed(pool: Pool): void {
    this.#entrances.get(pool)?.update();
    this.#front.flush();
  }

  /** Starts the router beside what answers now, when the releases will need one and there is none. Nothing goes to it yet. Throws MF5340. */
  async prepare(served: readonly Served[]): Promise<RouterProcess | undefined> {
    if (!isSplit(served) || this.#router !== undefined || this.#direct === undefined) return undefined;
    const router = this.#startRouter(served);
    try {
      await router.untilReady();
      return router;
    } catch (error) {
      await router.kill();
      throw error;
    }
  }

  /**
   * When it resolves, requests go as these releases say; a connection that a server was handed before ends after its next answer.
   * Throws MF5340 when the router that is there cannot be told. `ended` resolves when a router that is not needed any longer has answered what it had.
   */
  async lead(served: readonly Served[], prepared: RouterProcess | undefined): Promise<{ readonly ended: Promise<void> }> {
    return isSplit(served) ? this.#leadThrough(prepared ?? this.#router ?? this.#startRouter(served), served) : this.#leadDirectly(served);
  }

  async #leadThrough(router: RouterProcess, served: readonly Served[]): Promise<{ readonly ended: Promise<void> }> {
    const before = this.#direct;
    this.#router = router;
    this.#direct = undefined;
    await router.follow(this.#tableOf(served));
    this.#front.flush();
    // On connections of before, all requests would go on to be answered by one release.
    before?.letGoConnections();
    return { ended: Promise.resolve() };
  }

  async #leadDirectly(served: readonly Served[]): Promise<{ readonly ended: Promise<void> }> {
    const before = this.#direct;
    const router = this.#router;
    // Connections of before end soon, and until then the router has to send what comes on them to the right release.
    const told = router?.next() === undefined ? undefined : router.follow(this.#tableOf(served)).catch(() => {});
    this.#direct = poolOf(served);
    this.#router = undefined;
    this.#front.flush();
    if (before !== this.#direct) before?.letGoConnections();
    await told;
    const ended = router?.drain().then(() => {
      if (this.#router === undefined) for (const entrance of this.#entrances.values()) entrance.close();
    });
    return { ended: ended ?? Promise.resolve() };
  }

  /** Nobody asks the pool for anything any longer. */
  forget(pool: Pool): void {
    this.#entrances.get(pool)?.close();
    this.#entrances.delete(pool);
  }

  /** The service ends: what the router has is finished first. */
  async end(): Promise<void> {
    const router = this.#router;
    this.#router = undefined;
    this.#direct = undefined;
    await router?.drain();
    for (const entrance of this.#entrances.values()) entrance.close();
  }

  #startRouter(served: readonly Served[]): RouterProcess {
    const { node, router: entry } = newest(served).release.runtime;
    if (entry === undefined) throw new Error('the release has no router on record');
    const options = { node, entry, log: this.#log, onReady: () => this.#front.flush() };
    return new RouterProcess(options, { ...this.#tableOf(served), generation: 1 });
  }

  #tableOf(served: readonly Served[]): Omit<RouteTable, 'generation'> {
    return {
      revisions: served.map(({ release: { stamp, weight, mirror }, pool }) => {
        const entrance = this.#entranceOf(pool);
        entrance.open();
        return { stamp, weight, ...(mirror === undefined ? {} : { mirror }), backends: [entrance.address] };
      }),
    };
  }

  #entranceOf(pool: Pool): Entrance {
    const found = this.#entrances.get(pool) ?? new Entrance(pool, (line) => this.#log('supervisor', line));
    this.#entrances.set(pool, found);
    return found;
  }
}

/** Does more than one release get requests, or copies of them? */
function isSplit(served: readonly Served[]): boolean {
  return served.filter(({ release }) => release.weight > 0 || (release.mirror ?? 0) > 0).length > 1;
}

function poolOf(served: readonly Served[]): Pool | undefined {
  const first = leading(served.map(({ release }) => release));
  return served.find(({ release }) => release === first)?.pool;
}

function newest(served: readonly Served[]): Served {
  return served.reduce((best, each) => (each.release.revision > best.release.revision ? each : best));
}
