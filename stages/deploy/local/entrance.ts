import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { Pool } from './pool.ts';

/**
 * A socket in the folder of the service, by which the router reaches the servers of one release. It is there only while one of them is ready:
 * who finds it can be answered, and who does not asks elsewhere.
 */
export class Entrance {
  readonly #path: string;
  readonly #pool: Pool;
  readonly #log: (line: string) => void;
  #isWanted = false;
  #server: Server | undefined;

  constructor(pool: Pool, log: (line: string) => void) {
    // Relative to the folder that the supervisor and the router run in: such a path is never too long.
    this.#path = `r${pool.release.revision}.sock`;
    this.#pool = pool;
    this.#log = log;
  }

  /** As the table of a router names it. */
  get address(): string {
    return `unix:${this.#path}`;
  }

  open(): void {
    this.#isWanted = true;
    this.update();
  }

  close(): void {
    this.#isWanted = false;
    this.update();
  }

  /** A server has become ready, or is gone. */
  update(): void {
    const isOpen = this.#isWanted && this.#pool.health === 'ready';
    if (isOpen === (this.#server !== undefined)) return;
    this.#server?.close();
    this.#server = isOpen ? this.#listen() : undefined;
  }

  #listen(): Server {
    rmSync(this.#path, { force: true });
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => {});
      const process = this.#pool.next();
      if (process === undefined) socket.destroy();
      else process.take(socket, () => socket.destroy());
    });
    server.on('error', (error) => this.#log(`the router cannot reach revision ${this.#pool.release.revision}: ${error.message}`));
    return server.listen(this.#path);
  }
}
