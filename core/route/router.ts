import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { assign, pointOf } from './assign.ts';
import { Backend } from './backend.ts';
import { isPrediction } from './compare.ts';
import { Counts, countLatency } from './counts.ts';
import { type Ending, Exchange, type Routing } from './exchange.ts';
import { forwardedRequest, pinHeader, shortStamp } from './headers.ts';
import { type Limits, usualLimits } from './limits.ts';
import { Mirror } from './mirror.ts';
import { type LiveRevision, liveRevision } from './revision.ts';
import type { RouteTable } from './table.ts';

const usualTolerance = 0.1;

export interface RouterOptions {
  readonly limits?: Partial<Limits>;
  /** 0…1, a new one each time; every draw is independent of all others. */
  readonly random?: () => number;
}

/** Spreads requests over the revisions of a table, by the weights that it gives, and counts what they answer. */
export class Router {
  /** Another router begins to count at zero. */
  readonly source: string = randomUUID();
  readonly counts = new Counts();
  readonly #limits: Limits;
  readonly #budget: { leftBytes: number };
  readonly #random: () => number;
  readonly #mirror: Mirror;
  readonly #backends = new Map<string, Backend>();
  readonly #inFlight = new Map<string, number>();
  #table: RouteTable | undefined;
  #revisions: readonly LiveRevision[] = [];

  constructor({ limits = {}, random = Math.random }: RouterOptions = {}) {
    this.#limits = { ...usualLimits, ...limits };
    this.#budget = { leftBytes: this.#limits.keptBytes };
    this.#random = random;
    this.#mirror = new Mirror(this.#limits, random);
  }

  get table(): RouteTable | undefined {
    return this.#table;
  }

  get revisions(): readonly LiveRevision[] {
    return this.#revisions;
  }

  /** Requests under way, by stamp; those of the table always, others until they have none. */
  get inFlight(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#revisions.map(({ stamp }) => [stamp, 0] as const), ...this.#inFlight]);
  }

  /** There is a table, and somebody in it who gets requests. */
  get isReady(): boolean {
    return this.#revisions.some(({ weight, backends }) => weight > 0 && backends.length > 0);
  }

  /** Every request that comes from now on goes by this table. Those under way end where they are. */
  follow(table: RouteTable): void {
    const before = new Map(this.#backends);
    this.#backends.clear();
    const backendAt = (stamp: string, address: string): Backend => {
      const key = `${stamp} ${address}`;
      const backend = before.get(key) ?? new Backend(address);
      backend.reopen();
      this.#backends.set(key, backend);
      return backend;
    };
    this.#table = table;
    this.#revisions = table.revisions.map((each) =>
      liveRevision(each, (address) => backendAt(each.stamp, address), this.counts.of(each.stamp)),
    );
    this.counts.keepOnly(new Set(table.revisions.map(({ stamp }) => stamp)));
    for (const [key, backend] of before) if (!this.#backends.has(key)) backend.close();
    this.#mirror.forgetAllBut(this.#revisions);
  }

  /** One request from its head to the end of its answer, and of the copies that are made of it. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const { method = 'GET', url = '/', headers } = request;
    const pin = headers[pinHeader];
    const isCounted = pin === undefined && !isProbe(method, url);
    const candidates = isCounted && method === 'POST' && isPrediction(url) ? this.#drawCandidates() : [];
    const routing = pin === undefined ? this.#byWeight(request) : this.#pinned(String(pin));
    if (routing === undefined) return refusePin(request, response, String(pin));
    const ending = await new Exchange(request, response, routing).run(candidates.length > 0);
    // Who leaves before all was said was not kept waiting by anybody.
    const isUnsaid = response.destroyed && !request.complete;
    if (isCounted && !isUnsaid) this.#count(ending, performance.now() - began);
    const { answeredBy, status = 500, kept, body } = ending;
    if (answeredBy !== undefined && kept !== undefined && status < 400)
      for (const candidate of candidates) this.#copy(request, answeredBy, candidate, body.whole, kept);
    body.discard();
  }

  /** Whoever gets a copy of this request, if others answer it. */
  #drawCandidates(): readonly LiveRevision[] {
    return this.#revisions.filter(({ mirror }) => mirror > 0 && this.#random() * 100 < mirror);
  }

  #byWeight(request: IncomingMessage): Routing {
    const { sticky } = this.#table ?? {};
    const value = sticky === undefined ? undefined : request.headers[sticky.header];
    const point = value === undefined ? this.#random() : pointOf(String(value));
    return {
      ...this.#shared(),
      assigned: () => assign(this.#revisions, point),
      othersThan: ({ stamp }) => this.#revisions.filter((other) => other.weight > 0 && other.stamp !== stamp),
    };
  }

  /** Undefined when there is no such revision. */
  #pinned(pin: string): Routing | undefined {
    const find = (): LiveRevision | undefined =>
      this.#revisions.find(({ stamp }) => stamp === pin || (pin.length >= 8 && stamp.startsWith(pin)));
    return find() === undefined ? undefined : { ...this.#shared(), assigned: find, othersThan: () => [] };
  }

  #shared(): Omit<Routing, 'assigned' | 'othersThan'> {
    return {
      limits: this.#limits,
      budget: this.#budget,
      occupied: ({ stamp }) => this.#occupied(stamp),
      retried: () => {
        this.counts.retries += 1;
      },
    };
  }

  #occupied(stamp: string): () => void {
    this.#inFlight.set(stamp, (this.#inFlight.get(stamp) ?? 0) + 1);
    return () => {
      const left = (this.#inFlight.get(stamp) ?? 1) - 1;
      if (left > 0) this.#inFlight.set(stamp, left);
      else this.#inFlight.delete(stamp);
    };
  }

  /** Under the revision that it was assigned to, whoever helped out: only so are the shares what the weights say. */
  #count({ assigned, answeredBy, backend, status = 500, wasLost, isWhole }: Ending, tookMs: number): void {
    if (assigned === undefined || answeredBy === undefined) this.counts.unanswered += 1;
    if (assigned === undefined) return;
    const { counts } = assigned;
    counts.requests += 1;
    if (answeredBy !== assigned || wasLost || status >= 500 || !isWhole) counts.failures += 1;
    else if (status >= 400) counts.refusals += 1;
    if (answeredBy !== assigned || backend === undefined || !isWhole) return;
    if (++backend.answers > assigned.warmUpAnswers) countLatency(counts.latencies, tookMs);
  }

  #copy(
    request: IncomingMessage,
    answeredBy: LiveRevision,
    candidate: LiveRevision,
    body: readonly Buffer[] | undefined,
    answer: string,
  ): void {
    // The table may be another one by now.
    if (candidate.stamp === answeredBy.stamp || !this.#revisions.includes(candidate)) return;
    const counts = this.counts.between(answeredBy.stamp, candidate.stamp);
    if (body === undefined) {
      counts.shed += 1;
      return;
    }
    const { method = 'POST', url = '/' } = request;
    const answered = { method, path: url, headers: forwardedRequest(request), body, answer };
    this.#mirror.send(answered, candidate, counts, this.#table?.tolerance ?? usualTolerance);
  }
}

/** Health and metrics: what machines ask says nothing about how users fare. */
function isProbe(method: string, url: string): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return /^\/(metrics|live|ready|healthz|v2\/health\/(live|ready)|v2\/models\/[^?]*\/ready)([?]|$)/.test(url);
}

function refusePin(request: IncomingMessage, response: ServerResponse, pin: string): void {
  request.resume();
  const text = JSON.stringify({ error: `no release ${shortStamp(pin)} is here` });
  response.writeHead(404, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}
