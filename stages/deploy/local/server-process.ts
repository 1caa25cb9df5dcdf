import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** What a server process is started with. */
export interface ServerOptions {
  /** The Node that runs it. */
  readonly node: string;
  /** Its main file. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly onLine: (line: string) => void;
  /** What it says over the channel, beside that it is ready or failed. */
  readonly onMessage?: (message: unknown) => void;
}

/** How a server process ended. */
export interface Ending {
  readonly why: string;
  /** What it printed last. */
  readonly lastLines: readonly string[];
}

/** How long a process may take to finish what it has, before it is killed. */
const drainTimeoutMs = 60_000;
const linesKept = 20;

/** One server process: started, ready, perhaps draining, gone. It is handed connections and owns no port. */
export class ServerProcess {
  readonly pid: number | undefined;
  /** Resolves once, with whether it became ready before it ended. */
  readonly ready: Promise<boolean>;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #lastLines: string[] = [];
  readonly #handed = new Map<Socket, () => void>();
  #isReady = false;
  #hasEnded = false;
  #failed: string | undefined;

  constructor(options: ServerOptions) {
    const { node, entry, args, onMessage } = options;
    this.#child = fork(entry, [...args], {
      execPath: node,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    });
    this.pid = this.#child.pid;
    if (onMessage !== undefined) this.#child.on('message', onMessage);
    const note = (line: string) => {
      this.#lastLines.push(line);
      if (this.#lastLines.length > linesKept) this.#lastLines.shift();
      options.onLine(line);
    };
    const read = [this.#child.stdout, this.#child.stderr].map((stream) => eachLine(stream, note));
    this.ended = this.#whenEnded(read);
    this.ready = this.#whenReady();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** What it printed last, oldest first. */
  get lastLines(): readonly string[] {
    return [...this.#lastLines];
  }

  /**
   * Hands it a connection. `onLost` is called when it ends before it has it: `returned` when the connection is still whole, because it had to
   * wait for its turn (the channel takes one at a time, and forgets those that wait when it closes).
   */
  take(socket: Socket, onLost: (what: 'returned' | 'broken') => void): void {
    this.#handed.set(socket, () => onLost('returned'));
    this.#child.send({ type: 'connection' }, socket, {}, (error) => {
      if (this.#handed.delete(socket) && error) onLost('broken');
    });
  }

  /** Says something over the channel. */
  tell(message: object): void {
    if (this.#child.connected) this.#child.send(message, ignoreClosedChannel);
  }

  /** No new connections come; what it has is finished. Resolves when the process is gone, by force after a minute. */
  async drain(): Promise<void> {
    this.#isReady = false;
    // Connections handed over before come out of the channel first: messages and handles keep their order.
    this.tell({ type: 'drain' });
    const timer = setTimeout(() => this.kill(), drainTimeoutMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    // Until its exit has been reported the number cannot belong to another process.
    if (!this.#hasEnded) this.#child.kill('SIGKILL');
  }

  /** Connections that the process never got. */
  #giveBack(): void {
    for (const [socket, back] of [...this.#handed]) {
      this.#handed.delete(socket);
      back();
    }
    // Node leaves open the one that was on its way when the process died, in a field of its own, and its client would wait for an answer for ever.
    (this.#child as { readonly _pendingMessage?: { readonly handle?: { close(): void } } | null })._pendingMessage?.handle?.close();
  }

  #whenReady(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#child.on('message', (message: { readonly type?: string; readonly message?: string }) => {
        if (message.type === 'failed') this.#failed = message.message;
        if (message.type !== 'ready') return;
        this.#isReady = true;
        resolve(true);
      });
      void this.ended.then(() => resolve(false));
    });
  }

  #whenEnded(read: readonly Promise<void>[]): Promise<Ending> {
    return new Promise((resolve) => {
      const end = (why: string) => {
        this.#isReady = false;
        this.#hasEnded = true;
        this.#giveBack();
        // The exit may overtake the last words in the pipes.
        void Promise.all(read).then(() => resolve({ why: this.#failed ?? why, lastLines: this.lastLines }));
      };
      this.#child.once('disconnect', () => {
        this.#isReady = false;
      });
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) end(`it could not be started: ${error.message}`);
      });
      this.#child.once('exit', (code, signal) => end(signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`));
    });
  }
}

/** A process that ends while it is told something needs no telling. */
function ignoreClosedChannel(): void {}

function eachLine(stream: Readable | null, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    if (stream === null) return resolve();
    createInterface({ input: stream }).on('line', onLine).once('close', resolve);
  });
}
