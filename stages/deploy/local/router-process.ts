import { failure, type TrafficSource } from '../../../core/index.ts';
import type { RouteTable } from '../../../core/route/index.ts';
import { healthyAfterMs, restartPauseMs } from './restart-pause.ts';
import { type Ending, ServerProcess } from './server-process.ts';

export interface RouterOptions {
  readonly node: string;
  readonly entry: string;
  readonly log: (source: string, line: string) => void;
  /** Called whenever it goes by its table, so that connections can be handed to it. */
  readonly onReady: () => void;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

const startTimeoutMs = 20_000;
const answerTimeoutMs = 10_000;

/** The process that splits the requests of a service over its releases; started again when it crashes, with the table that it had. */
export class RouterProcess {
  readonly #options: RouterOptions;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #process: ServerProcess;
  #table: RouteTable;
  /** The table that the process has said it goes by. */
  #followed: RouteTable | undefined;
  #isUsable = false;
  #isClosing = false;
  #crashes = 0;
  #questions = 0;
  #restart: NodeJS.Timeout | undefined;
  #lastEnding: Ending | undefined;

  constructor(options: RouterOptions, table: RouteTable) {
    this.#options = options;
    this.#table = table;
    this.#process = this.#start();
  }

  get pid(): number | undefined {
    return this.#restart === undefined ? this.#process.pid : undefined;
  }

  /** The process, while connections may be handed to it. */
  next(): ServerProcess | undefined {
    return this.#isUsable && this.#process.isReady ? this.#process : undefined;
  }

  /** When it resolves, every request goes by this table. Throws MF5340 when there is no router that does. */
  async follow(table: Omit<RouteTable, 'generation'>): Promise<void> {
    this.#table = { ...table, generation: this.#table.generation + 1 };
    await this.untilReady();
  }

  /** Resolves when it goes by its table. Throws MF5340 when it takes too long. */
  async untilReady(): Promise<void> {
    const giveUpAt = performance.now() + startTimeoutMs;
    while (this.next() === undefined || this.#followed !== this.#table) {
      if (performance.now() > giveUpAt) throw this.#doesNotStart();
      await Promise.race([this.#process.ready, pauseMs(250)]);
      await this.#put(this.#process);
      if (this.next() === undefined) await pauseMs(50);
    }
  }

  /** What it has counted; undefined when it is not there just now. */
  async traffic(): Promise<TrafficSource | undefined> {
    const answer = await this.#ask(this.#process, 'GET', '/traffic', '');
    return answer?.status === 200 ? (JSON.parse(answer.body) as TrafficSource) : undefined;
  }

  /** It finishes what it has, and ends. */
  async drain(): Promise<void> {
    this.#close();
    await this.#process.drain();
  }

  async kill(): Promise<void> {
    this.#close();
    this.#process.kill();
    await this.#process.ended;
  }

  #close(): void {
    this.#isClosing = true;
    this.#isUsable = false;
    clearTimeout(this.#restart);
  }

  #start(): ServerProcess {
    const { node, entry, log } = this.#options;
    const started = new ServerProcess({
      node,
      entry,
      args: ['supervised'],
      onLine: (line) => log('router', line),
      onMessage: (message) => this.#hear(message as { readonly type: string; readonly id?: number; readonly answer?: Answer }),
    });
    const startedAt = performance.now();
    void started.ready.then(() => this.#put(started));
    void started.ended.then((ending) => this.#ended(ending, performance.now() - startedAt));
    return started;
  }

  /** Gives it the table as it is by now; then it can be used. */
  async #put(process: ServerProcess): Promise<void> {
    const table = this.#table;
    if (!process.isReady) return;
    const answer = await this.#ask(process, 'PUT', '/table', JSON.stringify(table));
    if (answer?.status !== 200 || process !== this.#process || table !== this.#table) return;
    this.#followed = table;
    if (this.#isUsable || this.#isClosing) return;
    this.#isUsable = true;
    this.#options.log('supervisor', `the router is ready, process ${process.pid}`);
    this.#options.onReady();
  }

  #ended(ending: Ending, livedMs: number): void {
    this.#isUsable = false;
    this.#followed = undefined;
    this.#lastEnding = ending;
    for (const answer of [...this.#waiting.values()]) answer(undefined);
    if (this.#isClosing) return;
    this.#crashes = livedMs >= healthyAfterMs ? 1 : this.#crashes + 1;
    const waitMs = restartPauseMs(this.#crashes, Math.random());
    this.#options.log('supervisor', `the router is gone: ${ending.why}; it is started again in ${Math.round(waitMs)} ms`);
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      this.#process = this.#start();
    }, waitMs);
  }

  #hear({ type, id, answer }: { readonly type: string; readonly id?: number; readonly answer?: Answer }): void {
    if (type === 'answer' && id !== undefined) this.#waiting.get(id)?.(answer);
  }

  /** Undefined when the process ends before it has answered, or does not answer. */
  #ask(process: ServerProcess, method: string, path: string, body: string): Promise<Answer | undefined> {
    const id = this.#questions++;
    return new Promise((resolve) => {
      if (!process.isReady) return resolve(undefined);
      const over = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => over(undefined), answerTimeoutMs);
      this.#waiting.set(id, over);
      process.tell({ type: 'ask', id, request: { method, path, body } });
    });
  }

  #doesNotStart(): Error {
    return failure('MF5340', `the router did not start${this.#lastEnding ? `: ${this.#lastEnding.why}` : ` within ${startTimeoutMs} ms`}`, {
      hint: 'The requests go where they went before. `modelflow logs` has what the router printed.',
      detail: this.#lastEnding?.lastLines ?? this.#process.lastLines,
    });
  }
}

function pauseMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
