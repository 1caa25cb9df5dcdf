import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ask, Backend, Outcome } from './backend.ts';
import { answerText } from './binary-answer.ts';
import { forwardedAnswer, forwardedRequest } from './headers.ts';
import { KeptBody } from './kept-body.ts';
import type { Limits } from './limits.ts';
import { type LiveRevision, pick } from './revision.ts';

/** What a request needs of the router. */
export interface Routing {
  readonly limits: Limits;
  readonly budget: { leftBytes: number };
  /** Whose it is, by the table as it is now; undefined when the table has nobody. */
  assigned(): LiveRevision | undefined;
  /** Who may stand in for it. */
  othersThan(revision: LiveRevision): readonly LiveRevision[];
  /** A request is under way to the revision until what comes back is called. */
  occupied(revision: LiveRevision): () => void;
  retried(): void;
}

/** How a request ended. */
export interface Ending {
  /** Whose it was by its weight; undefined when there was nobody. */
  readonly assigned: LiveRevision | undefined;
  readonly answeredBy: LiveRevision | undefined;
  readonly backend: Backend | undefined;
  readonly status: number | undefined;
  /** The assigned revision lost it after it was sent, though somebody may have answered it. */
  readonly wasLost: boolean;
  /** The whole answer has come from the backend, or the client did not want the rest. */
  readonly isWhole: boolean;
  readonly body: KeptBody;
  /** The answer, when it was asked for and is small. */
  readonly kept: string | undefined;
}

/** Lost after it was sent: so often it is sent again. What kills a server should not be shown to all of them. */
const mostLosses = 2;
const firstPauseMs = 20;
const longestPauseMs = 500;

/** What follows from a try without an answer. */
type Next = 'again' | 'elsewhere' | 'given-up';
type Found = { readonly revision: LiveRevision; readonly backend: Backend };
type Answered = Found & { readonly answer: IncomingMessage; readonly release: () => void };

/** One request from its head to the end of its answer. */
export class Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #routing: Routing;
  readonly #body: KeptBody;
  #asked: ClientRequest | undefined;
  #isClientGone = false;
  #assigned: LiveRevision | undefined;
  #losses = 0;
  #wasLost = false;
  #wasLate = false;

  constructor(request: IncomingMessage, response: ServerResponse, routing: Routing) {
    this.#request = request;
    this.#response = response;
    this.#routing = routing;
    this.#body = new KeptBody(request, routing.limits.keptBodyBytes, routing.budget);
    response.once('close', () => {
      if (response.writableFinished) return;
      this.#isClientGone = true;
      this.#asked?.destroy();
    });
  }

  /** Never rejects. `keepsAnswer`: it is wanted for a comparison. */
  async run(keepsAnswer: boolean): Promise<Ending> {
    const found = await this.#answered();
    if (found === undefined) {
      this.#refuse();
      return this.#ending(undefined, false, undefined);
    }
    const { revision, answer, release } = found;
    const kept = keepsAnswer ? keepText(answer, this.#routing.limits.keptBodyBytes) : undefined;
    const isWhole = await this.#relay(answer, revision);
    release();
    return this.#ending({ ...found }, isWhole, isWhole ? kept?.() : undefined);
  }

  #ending(found: Answered | undefined, isWhole: boolean, kept: string | undefined): Ending {
    return {
      assigned: this.#assigned,
      answeredBy: found?.revision,
      backend: found?.backend,
      status: found?.answer.statusCode,
      wasLost: this.#wasLost,
      isWhole,
      body: this.#body,
      kept,
    };
  }

  /** Tries until somebody answers; undefined when it is given up. */
  async #answered(): Promise<Answered | undefined> {
    const giveUpAt = performance.now() + this.#routing.limits.patienceMs;
    const tried = new Set<Backend>();
    for (let pauseMs = firstPauseMs; !this.#isClientGone; ) {
      const found = this.#next(tried);
      if (found === undefined) {
        // Nobody at all is in the table: waiting helps as little as trying.
        if (this.#assigned === undefined || !this.#body.isWhole || performance.now() + pauseMs > giveUpAt) return undefined;
        await pause(pauseMs);
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
        tried.clear();
        continue;
      }
      const answered = await this.#try(found);
      if (answered === 'given-up') return undefined;
      if (answered === 'elsewhere') tried.add(found.backend);
      else if (answered !== 'again') return answered;
      this.#routing.retried();
    }
    return undefined;
  }

  #next(tried: ReadonlySet<Backend>): Found | undefined {
    const first = this.#routing.assigned();
    if (first === undefined) return undefined;
    this.#assigned ??= first;
    for (const revision of [first, ...this.#routing.othersThan(first)]) {
      const backend = pick(revision, tried);
      if (backend !== undefined) return { revision, backend };
    }
    return undefined;
  }

  async #try(found: Found): Promise<Answered | Next> {
    const { revision, backend } = found;
    const ends = [this.#routing.occupied(revision), backend.occupied()];
    const release = (): void => {
      for (const end of ends) end();
    };
    const outcome = await backend.ask(this.#ask(), this.#body, (asked) => {
      this.#asked = asked;
    });
    if (outcome.what === 'answered') return { ...found, answer: outcome.answer, release };
    release();
    this.#body.detach();
    return this.#afterwards(outcome, revision);
  }

  #afterwards(outcome: Exclude<Outcome, { readonly what: 'answered' }>, revision: LiveRevision): Next {
    switch (outcome.what) {
      case 'unreachable':
        return this.#isClientGone ? 'given-up' : 'elsewhere';
      case 'lost': {
        // An idle connection may have been closed for reasons of its own just then: the first such loss says nothing of the server.
        const saysNothing = outcome.wasIdle && this.#losses === 0;
        this.#wasLost ||= revision === this.#assigned && !saysNothing;
        this.#losses += 1;
        if (this.#isClientGone || !this.#body.isWhole || this.#losses > mostLosses) return 'given-up';
        return saysNothing ? 'again' : 'elsewhere';
      }
      case 'late':
        this.#wasLate = true;
        return 'given-up';
    }
  }

  #ask(): Ask {
    const { limits } = this.#routing;
    const { method = 'GET', url = '/', headers } = this.#request;
    const isLarge = Number(headers['content-length'] ?? 0) > limits.keptBodyBytes;
    return {
      method,
      path: url,
      headers: forwardedRequest(this.#request),
      connectTimeoutMs: limits.connectTimeoutMs,
      answerTimeoutMs: limits.answerTimeoutMs,
      // What cannot be sent twice does not go over a connection that may be closing.
      isFresh: isLarge || this.#losses > 0,
    };
  }

  /** True when all of it came. */
  #relay(answer: IncomingMessage, { stamp }: LiveRevision): Promise<boolean> {
    const response = this.#response;
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, forwardedAnswer(answer, stamp));
    answer.pipe(response);
    return new Promise((resolve) => {
      answer.once('close', () => {
        // A broken answer has to look broken to the client, too.
        if (!answer.complete) response.destroy();
        resolve(answer.complete || this.#isClientGone);
      });
      answer.on('error', () => {});
    });
  }

  #refuse(): void {
    this.#body.discard();
    if (this.#isClientGone) return;
    const status = this.#wasLate ? 504 : this.#losses > 0 ? 502 : 503;
    const why = this.#wasLate ? 'the service did not answer in time' : 'no server of the service could be reached';
    const text = JSON.stringify({ error: status === 502 ? 'the server ended before it had answered' : why });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    this.#response.writeHead(status, status === 503 ? { ...headers, 'retry-after': '1' } : headers).end(text);
  }
}

/** Reads along. What is larger than the limit is undefined. */
function keepText(answer: IncomingMessage, limitBytes: number): () => string | undefined {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  answer.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes <= limitBytes) chunks.push(chunk);
  });
  return () => (sizeBytes <= limitBytes ? answerText(answer.headers, Buffer.concat(chunks)) : undefined);
}
