import type { BatchPolicy } from './batch.ts';
import { joinRows, takeRows } from './batch.ts';
import { badRequest, RequestError, unavailable } from './request-error.ts';
import type { Tensors } from './tensor.ts';
import { WorkerLostError } from './worker-session.ts';

/** Told what happened to the jobs of a lane; times in milliseconds. */
export interface LaneObserver {
  ran(rows: number, requests: number, inferenceMs: number): void;
  waited(queueMs: number): void;
}

interface Job {
  readonly inputs: Tensors;
  readonly rows: number;
  readonly queuedAt: number;
  /** Nobody waits for the answer any more. */
  readonly isAbandoned: () => boolean;
  resolve(outputs: Tensors): void;
  reject(error: Error): void;
}

/**
 * The way of requests to the model: a bounded queue, and one run at a time. What is queued when a run begins shares it, as far as the
 * policy lets it: under load batches form by themselves, and a lone request never waits for company.
 */
export class Lane {
  readonly #run: (inputs: Tensors) => Promise<Tensors>;
  readonly #policy: BatchPolicy;
  readonly #maxQueue: number;
  readonly #observer: LaneObserver;
  #queue: Job[] = [];
  #busy = false;

  constructor(run: (inputs: Tensors) => Promise<Tensors>, policy: BatchPolicy, maxQueue: number, observer: LaneObserver) {
    this.#run = run;
    this.#policy = policy;
    this.#maxQueue = maxQueue;
    this.#observer = observer;
  }

  /** Requests that wait for a run. */
  get depth(): number {
    return this.#queue.length;
  }

  /** Throws a 503 at once when the queue is full, a 400 for inputs the model refuses, a 500 when the model was lost. */
  submit(inputs: Tensors, isAbandoned: () => boolean): Promise<Tensors> {
    if (this.#queue.length >= this.#maxQueue) throw unavailable(`the queue is full: ${this.#maxQueue} requests wait already`);
    return new Promise((resolve, reject) => {
      this.#queue.push({ inputs, rows: rowsOf(inputs), queuedAt: performance.now(), isAbandoned, resolve, reject });
      if (this.#busy) return;
      this.#busy = true;
      // By the next turn of the loop everything that has arrived in this one is in the queue.
      setImmediate(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const jobs = this.#take();
      if (jobs.length > 0) await this.#runTogether(jobs);
    }
    this.#busy = false;
  }

  /** The next jobs that can share a run: same shapes, together not more rows than the policy allows. */
  #take(): readonly Job[] {
    const jobs: Job[] = [];
    let rows = 0;
    let count = 0;
    for (const job of this.#queue) {
      const [first] = jobs;
      const fits = first === undefined || (rows + job.rows <= this.#policy.maxRows && haveSameRows(first.inputs, job.inputs));
      if (!fits) break;
      count += 1;
      if (job.isAbandoned()) continue;
      jobs.push(job);
      rows += job.rows;
    }
    this.#queue = this.#queue.slice(count);
    return jobs;
  }

  async #runTogether(jobs: readonly Job[]): Promise<void> {
    const started = performance.now();
    for (const job of jobs) this.#observer.waited(started - job.queuedAt);
    const rows = jobs.reduce((sum, job) => sum + job.rows, 0);
    try {
      const outputs = await this.#run(joinRows(jobs.map((job) => job.inputs)));
      this.#observer.ran(Number.isFinite(rows) ? rows : 1, jobs.length, performance.now() - started);
      let from = 0;
      for (const job of jobs) {
        job.resolve(jobs.length === 1 ? outputs : takeRows(outputs, from, from + job.rows, rows));
        from += job.rows;
      }
    } catch (cause) {
      await this.#runApart(jobs, cause);
    }
  }

  /** One request that the model refuses must not fail the others of its batch. */
  async #runApart(jobs: readonly Job[], cause: unknown): Promise<void> {
    const [first, ...others] = jobs;
    if (first === undefined) return;
    if (others.length === 0 || cause instanceof WorkerLostError) {
      for (const job of jobs) job.reject(toRequestError(cause));
      return;
    }
    for (const job of jobs) await this.#runTogether([job]);
  }
}

/** Rows of a request; without end where its inputs disagree, so that it shares a run with none. */
function rowsOf(inputs: Tensors): number {
  const counts = new Set(Object.values(inputs).map(({ shape }) => shape[0] ?? 1));
  const [rows] = counts;
  return counts.size === 1 && rows !== undefined ? rows : Number.POSITIVE_INFINITY;
}

function haveSameRows(left: Tensors, right: Tensors): boolean {
  for (const [name, { shape }] of Object.entries(left)) {
    const other = right[name]?.shape;
    if (other === undefined || other.length !== shape.length) return false;
    for (let axis = 1; axis < shape.length; axis += 1) if (shape[axis] !== other[axis]) return false;
  }
  return true;
}

/** What the model says of inputs that have the right types and shapes is about their values: the request is wrong, not the server. */
function toRequestError(cause: unknown): Error {
  if (cause instanceof WorkerLostError) return new RequestError(500, cause.message);
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/alloc|out of memory|bad_alloc/i.test(message)) return new RequestError(500, `the model ran out of memory: ${message}`);
  return badRequest(`the model refused the input: ${message}`);
}
