import type { Pool } from './pool.ts';

/** Releases that get nothing more, and finish what they have. */
export class Leaving {
  readonly #say: (line: string) => void;
  readonly #draining = new Map<Pool, Promise<void>>();

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  add(pool: Pool): void {
    const { revision } = pool.release;
    this.#say(`revision ${revision} finishes what it has`);
    const drained = pool
      .drain()
      .then(() => this.#say(`revision ${revision} is gone`))
      .finally(() => this.#draining.delete(pool));
    this.#draining.set(pool, drained);
  }

  get pids(): readonly number[] {
    return [...this.#draining.keys()].flatMap((pool) => pool.pids);
  }

  /** Folders that are still read from. */
  get folders(): readonly string[] {
    return [...this.#draining.keys()].map((pool) => pool.release.folder);
  }

  async allGone(): Promise<void> {
    await Promise.all(this.#draining.values());
  }
}
