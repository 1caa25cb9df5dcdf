import type { Server, Socket } from 'node:net';
import type { ServerProcess } from './server-process.ts';

/** How many connections wait, and how long, while no server process is ready. */
const mostWaiting = 1024;
const longestWaitMs = 30_000;

/** Hands every connection of a listener to a ready process; while there is none they wait instead of being refused. */
export class Front {
  readonly #next: () => ServerProcess | undefined;
  readonly #log: (line: string) => void;
  readonly #waiting = new Map<Socket, NodeJS.Timeout>();

  constructor(next: () => ServerProcess | undefined, log: (line: string) => void) {
    this.#next = next;
    this.#log = log;
  }

  /** Begins to hand on what a listener accepts. */
  serve(server: Server): void {
    server.on('connection', (socket: Socket) => this.#dispatch(socket));
    server.on('error', (error) => this.#log(`the listener failed: ${error.message}`));
  }

  /** A process has become ready: those that wait go on, in the order they came. */
  flush(): void {
    for (const [socket, timer] of [...this.#waiting]) {
      clearTimeout(timer);
      this.#waiting.delete(socket);
      this.#dispatch(socket);
    }
  }

  /** The service is being removed: nobody will come for those that wait. */
  close(): void {
    for (const socket of [...this.#waiting.keys()]) this.#drop(socket);
  }

  #dispatch(socket: Socket): void {
    // Until a process has it, nothing is read from it; a client that resets it meanwhile is no fault of ours.
    if (socket.listenerCount('error') === 0) socket.on('error', () => {});
    const process = this.#next();
    if (process !== undefined) {
      process.take(socket, (what) => {
        if (what === 'returned') return this.#dispatch(socket);
        this.#log(`a connection was lost: process ${process.pid} ended while it was handed over`);
        socket.destroy();
      });
      return;
    }
    if (this.#waiting.size >= mostWaiting) {
      socket.destroy();
      return;
    }
    this.#waiting.set(
      socket,
      setTimeout(() => this.#drop(socket), longestWaitMs),
    );
  }

  #drop(socket: Socket): void {
    clearTimeout(this.#waiting.get(socket));
    this.#waiting.delete(socket);
    socket.destroy();
  }
}
