import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { KeptBody } from './kept-body.ts';
import { type Place, placeOf } from './table.ts';

/** What became of one try. */
export type Outcome =
  | { readonly what: 'answered'; readonly answer: IncomingMessage }
  /** No connection came about: nothing was sent. */
  | { readonly what: 'unreachable' }
  /** The connection ended before there was an answer. One that was idle before may have been closed as the request left. */
  | { readonly what: 'lost'; readonly wasIdle: boolean }
  | { readonly what: 'late' };

export interface Ask {
  readonly method: string;
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly connectTimeoutMs: number;
  /** Silence after which it is given up. */
  readonly answerTimeoutMs: number;
  /** No connection that was used before. */
  readonly isFresh: boolean;
}

const firstPauseMs = 250;
const longestPauseMs = 5_000;
const mostIdle = 256;
/** Behind one address there may be several servers, and more of them later: connections that live for ever would never reach those. */
const mostAgeMs = 15_000;

/** One address that requests go to, with the connections to it. */
export class Backend {
  readonly address: string;
  readonly #place: Place;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: mostIdle, scheduling: 'fifo' });
  readonly #fresh = new Agent({ keepAlive: false });
  /** Requests that it has and has not answered. */
  inFlight = 0;
  /** Answers since it could last be reached anew: the first ones tell how it warms up. */
  answers = 0;
  #refusals = 0;
  #outUntil = 0;
  #isClosed = false;

  constructor(address: string) {
    const place = placeOf(address);
    if (place === undefined) throw new Error(`${address} is no address of a backend`);
    this.address = address;
    this.#place = place;
    const bornAt = new WeakMap<object, number>();
    this.#agent.on('free', (socket) => {
      const born = bornAt.get(socket) ?? performance.now() - Math.random() * mostAgeMs;
      bornAt.set(socket, born);
      if (performance.now() - born > mostAgeMs) socket.destroy();
    });
  }

  /** It refused connections just now, and is left alone for a moment. */
  isOut(nowMs: number): boolean {
    return nowMs < this.#outUntil;
  }

  /** Sends a request, with the body once there is a connection. `began` gets what ends it early. */
  ask(given: Ask, body: Pick<KeptBody, 'sendTo'>, began: (asked: ClientRequest) => void): Promise<Outcome> {
    const { method, path, headers, connectTimeoutMs, answerTimeoutMs, isFresh } = given;
    const asked = request({ ...this.#place, method, path, headers, agent: isFresh ? this.#fresh : this.#agent });
    began(asked);
    return new Promise((resolve) => {
      let isConnected = false;
      let isLate = false;
      let isOver = false;
      const timer = setTimeout(() => asked.destroy(), connectTimeoutMs);
      const connected = () => {
        isConnected = true;
        clearTimeout(timer);
        body.sendTo(asked);
      };
      const over = (outcome: Outcome) => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        this.#learn(outcome);
        resolve(outcome);
      };
      asked.once('socket', (socket) => {
        if (socket.connecting) socket.once('connect', connected);
        else connected();
      });
      asked.once('response', (answer: IncomingMessage) => over({ what: 'answered', answer }));
      asked.setTimeout(answerTimeoutMs, () => {
        isLate = true;
        asked.destroy();
      });
      asked.on('error', () => {
        if (isLate) over({ what: 'late' });
        else over(isConnected ? { what: 'lost', wasIdle: asked.reusedSocket } : { what: 'unreachable' });
      });
    });
  }

  /** A request is under way to it; call what comes back when nothing of it is left. */
  occupied(): () => void {
    this.inFlight += 1;
    return () => {
      this.inFlight -= 1;
      if (this.#isClosed) this.close();
    };
  }

  /** It left the table: its connections are closed as soon as nothing is under way on them. */
  close(): void {
    this.#isClosed = true;
    if (this.inFlight > 0) return;
    this.#agent.destroy();
    this.#fresh.destroy();
  }

  /** It is in the table again. */
  reopen(): void {
    this.#isClosed = false;
  }

  #learn(outcome: Outcome): void {
    if (outcome.what === 'answered') {
      this.#refusals = 0;
      this.#outUntil = 0;
    } else if (outcome.what === 'unreachable') {
      this.answers = 0;
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#refusals++);
      this.#outUntil = performance.now() + pauseMs;
    }
  }
}
