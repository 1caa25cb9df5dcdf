import type { Server } from 'node:http';
import type { Socket } from 'node:net';

interface Usage {
  /** Requests that have begun and whose answer is not out yet. */
  active: number;
  /** Bytes that had been read when the last answer was out: more means that another request is on its way in. */
  readBytes: number;
  /** Its next answer ends it. */
  isLeaving: boolean;
}

export interface DrainTimes {
  /** How long an idle connection is kept for a request that its client may be sending just now. */
  readonly idleGraceMs: number;
  /** After this whatever is still open is cut. */
  readonly limitMs: number;
}

/** The open connections of a server, and how to be rid of them without losing a request. */
export class Connections {
  readonly #open = new Map<Socket, Usage>();
  #isDraining = false;
  #whenEmpty: (() => void) | undefined;

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#open.set(socket, { active: 0, readBytes: 0, isLeaving: false });
      socket.once('close', () => {
        this.#open.delete(socket);
        if (this.#open.size === 0) this.#whenEmpty?.();
      });
    });
  }

  /** True once a drain was announced: every answer from now on must end its connection. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** A request began on the socket. Call what it returns when the answer is out. */
  began(socket: Socket): () => void {
    const usage = this.#open.get(socket);
    if (usage === undefined) return () => {};
    usage.active += 1;
    return () => {
      usage.active -= 1;
      usage.readBytes = socket.bytesRead;
    };
  }

  /** Does the answer that is written now end its connection? */
  endsWith(socket: Socket): boolean {
    return this.#isDraining || (this.#open.get(socket)?.isLeaving ?? false);
  }

  /** The connections that there are now come to their end, each after its next answer, or when nothing comes on it for a while. Later ones stay. */
  letGo(idleGraceMs: number): void {
    const leaving = [...this.#open];
    for (const [, usage] of leaving) usage.isLeaving = true;
    setTimeout(() => this.#closeIdle(leaving), idleGraceMs).unref();
  }

  /** Every answer from now on ends its connection. */
  announceDrain(): void {
    this.#isDraining = true;
  }

  /**
   * From now on every answer ends its connection. Closing an idle one races with the next request of its client, which would see a reset;
   * so an idle one is kept for a while, and closed only when nothing has come on it. Resolves when no connection is left.
   */
  async drain({ idleGraceMs, limitMs }: DrainTimes): Promise<void> {
    this.announceDrain();
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    const grace = setTimeout(() => this.#closeIdle(this.#open), idleGraceMs);
    const limit = setTimeout(() => this.#cut(), limitMs);
    if (this.#open.size > 0) await empty;
    clearTimeout(grace);
    clearTimeout(limit);
  }

  #closeIdle(among: Iterable<readonly [Socket, Usage]>): void {
    for (const [socket, usage] of among) {
      if (usage.active === 0 && socket.bytesRead === usage.readBytes) socket.end();
    }
  }

  #cut(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }
}
