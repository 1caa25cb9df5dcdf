import type { Server } from 'node:net';
import type { Front } from './front.ts';
import { listenOn, portOf } from './ports.ts';
import type { LocalSettings, Release } from './protocol.ts';

type Address = Pick<Release, 'boundPort'> & { readonly settings: Pick<LocalSettings, 'host'> };

/** The addresses that a service is called at: one, unless its releases disagree. */
export class Listeners {
  readonly #front: Front;
  readonly #open = new Map<string, Server>();

  constructor(front: Front) {
    this.#front = front;
  }

  /** The port that a release with these settings is called at. A listener that is there is used; otherwise a new one begins, beside it. Throws MF5003. */
  async take({ host, port }: LocalSettings, releases: readonly Release[]): Promise<number> {
    const kept = releases.find(
      ({ settings, boundPort }) =>
        settings.host === host && (port === 0 ? settings.port === 0 : boundPort === port) && this.has({ settings, boundPort }),
    );
    if (kept !== undefined) return kept.boundPort;
    return this.#add(await listenOn(host, port), host);
  }

  /** The port that a release had before, for one that goes on. With port 0 it is another one when somebody else has it now. */
  async takeAgain({ settings, boundPort }: Release): Promise<number> {
    if (this.has({ settings, boundPort })) return boundPort;
    try {
      return this.#add(await listenOn(settings.host, boundPort), settings.host);
    } catch (error) {
      if (settings.port !== 0) throw error;
      return this.#add(await listenOn(settings.host, 0), settings.host);
    }
  }

  has(address: Address): boolean {
    return this.#open.has(keyOf(address));
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** Nobody is called at the other addresses any longer. */
  keepOnly(needed: readonly Address[]): void {
    const keys = new Set(needed.map(keyOf));
    for (const [key, server] of [...this.#open]) {
      if (keys.has(key)) continue;
      server.close();
      this.#open.delete(key);
    }
  }

  #add(server: Server, host: string): number {
    const boundPort = portOf(server);
    this.#open.set(keyOf({ settings: { host }, boundPort }), server);
    this.#front.serve(server);
    return boundPort;
  }
}

function keyOf({ settings, boundPort }: Address): string {
  return `${settings.host} ${boundPort}`;
}
