import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';

/** How many bytes may be kept, by all requests together. */
export interface Budget {
  leftBytes: number;
}

/** The body of a request on its way to a backend. As long as it is small it is kept, so that another backend can have it from the beginning. */
export class KeptBody {
  readonly #request: IncomingMessage;
  readonly #limitBytes: number;
  readonly #budget: Budget;
  #chunks: Buffer[] = [];
  #keptBytes = 0;
  #isWhole = true;
  #hasEnded: boolean;
  #sink: Writable | undefined;

  constructor(request: IncomingMessage, limitBytes: number, budget: Budget) {
    this.#request = request;
    this.#limitBytes = limitBytes;
    this.#budget = budget;
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    this.#hasEnded = coding === undefined && (length === undefined || length === '0');
    if (this.#hasEnded) {
      request.resume();
      return;
    }
    request.on('data', (chunk: Buffer) => this.#take(chunk));
    request.on('end', () => {
      this.#hasEnded = true;
      this.#sink?.end();
    });
    request.pause();
  }

  /** Nothing that has come is missing: it can be sent from its beginning. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** All of it, when it has come and was kept. */
  get whole(): readonly Buffer[] | undefined {
    return this.#hasEnded && this.#isWhole ? this.#chunks : undefined;
  }

  /** Sends it to a backend: what has come already, and then what comes. The one before gets nothing more. */
  sendTo(sink: Writable): void {
    this.#sink = sink;
    for (const chunk of this.#chunks) sink.write(chunk);
    if (this.#hasEnded) sink.end();
    else if (sink.writableNeedDrain) this.#resumeOnDrain(sink);
    else this.#request.resume();
  }

  /** The sink is gone; what comes waits for the next one. */
  detach(): void {
    this.#sink = undefined;
    if (!this.#hasEnded) this.#request.pause();
  }

  /** Nobody wants the rest. It is read, so that the connection can be used again. */
  discard(): void {
    this.#sink = undefined;
    this.#forget();
    this.#request.resume();
  }

  #take(chunk: Buffer): void {
    const isKept = this.#isWhole && this.#keptBytes + chunk.length <= this.#limitBytes && this.#budget.leftBytes >= chunk.length;
    if (isKept) {
      this.#chunks.push(chunk);
      this.#keptBytes += chunk.length;
      this.#budget.leftBytes -= chunk.length;
    } else this.#forget();
    const sink = this.#sink;
    if (sink === undefined || sink.write(chunk)) return;
    this.#request.pause();
    this.#resumeOnDrain(sink);
  }

  #resumeOnDrain(sink: Writable): void {
    sink.once('drain', () => {
      if (this.#sink === sink) this.#request.resume();
    });
  }

  #forget(): void {
    this.#isWhole = false;
    this.#budget.leftBytes += this.#keptBytes;
    this.#keptBytes = 0;
    this.#chunks = [];
  }
}
