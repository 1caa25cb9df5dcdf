import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { failure } from '../../../core/index.ts';
import type { Release, ReleaseHealth } from './protocol.ts';
import { healthyAfterMs, restartPauseMs } from './restart-pause.ts';
import { type Ending, ServerProcess } from './server-process.ts';

export interface PoolOptions {
  readonly release: Release;
  readonly service: string;
  /** Folder that holds the releases. */
  readonly releases: string;
  readonly log: (source: string, line: string) => void;
  /** Called whenever a process becomes ready, and when one is gone that should be there. */
  readonly onChange: () => void;
}

/** One place in the pool; its process is replaced when it crashes. */
interface Slot {
  readonly source: string;
  process: ServerProcess;
  crashes: number;
  restart: NodeJS.Timeout | undefined;
}

/** The server processes of one release, kept alive until the pool is drained. */
export class Pool {
  readonly release: Release;
  readonly #options: PoolOptions;
  readonly #slots: readonly Slot[];
  #next = 0;
  #isClosing = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.release = options.release;
    const { revision, settings } = options.release;
    this.#slots = Array.from({ length: settings.processes }, (_, index) => {
      const source = `r${revision}.${index + 1}`;
      return { source, process: this.#start(source), crashes: 0, restart: undefined };
    });
    for (const slot of this.#slots) this.#watch(slot);
  }

  /** The next ready process, in turn. */
  next(): ServerProcess | undefined {
    for (let tried = 0; tried < this.#slots.length; tried++) {
      const slot = this.#slots[this.#next++ % this.#slots.length];
      if (slot?.process.isReady) return slot.process;
    }
    return undefined;
  }

  get health(): ReleaseHealth {
    if (this.#slots.some((slot) => slot.process.isReady)) return 'ready';
    return this.#slots.some((slot) => slot.crashes > 0) ? 'failing' : 'starting';
  }

  get pids(): readonly number[] {
    return this.#slots.flatMap((slot) => (slot.restart === undefined && slot.process.pid !== undefined ? [slot.process.pid] : []));
  }

  /** Resolves when every process is ready. Throws MF5004 as soon as one has ended, when the time is up, and when the signal aborts. */
  async untilReady(signal: AbortSignal): Promise<void> {
    const { revision, settings } = this.release;
    const endings: Ending[] = [];
    const all = Promise.all(
      this.#slots.map(async ({ process }) => {
        if (await process.ready) return;
        endings.push(await process.ended);
        throw new Error('ended before it was ready');
      }),
    );
    const late = new Promise<'late'>((resolve) => {
      const timer = setTimeout(() => resolve('late'), settings.readyTimeoutMs);
      void all.catch(() => {}).finally(() => clearTimeout(timer));
    });
    const outcome = await Promise.race([
      all.then(
        () => 'ready' as const,
        () => 'ended' as const,
      ),
      late,
      aborted(signal),
    ]);
    if (outcome === 'ready') return;
    const ending = endings[0];
    const why = {
      ended: `before it was ready, ${ending?.why}`,
      late: `it was not ready after ${settings.readyTimeoutMs} ms`,
      stopped: 'the deployment was stopped before it was ready',
    }[outcome];
    throw failure('MF5004', `revision ${revision} of \`${this.#options.service}\` did not start: ${why}`, {
      hint:
        outcome === 'late'
          ? 'Give a large model more time with `readyTimeoutMs`.'
          : 'What the server printed last is shown; `modelflow logs` has more.',
      detail: ending?.lastLines ?? this.#slots.flatMap((slot) => slot.process.lastLines),
    });
  }

  /** The connections that the processes have come to their end; others come instead. */
  letGoConnections(): void {
    for (const slot of this.#slots) slot.process.tell({ type: 'let-go' });
  }

  /** Every process finishes what it has, and ends. Nothing is started again. */
  async drain(): Promise<void> {
    this.#close();
    await Promise.all(this.#slots.map((slot) => slot.process.drain()));
  }

  /** For a release that never took a request. */
  async kill(): Promise<void> {
    this.#close();
    for (const slot of this.#slots) slot.process.kill();
    await Promise.all(this.#slots.map((slot) => slot.process.ended));
  }

  #close(): void {
    this.#isClosing = true;
    for (const slot of this.#slots) clearTimeout(slot.restart);
  }

  #start(source: string): ServerProcess {
    const { release, service, releases, log } = this.#options;
    const { node, entry } = release.runtime;
    return new ServerProcess({
      node,
      entry,
      args: ['--bundle', join(releases, release.folder), '--name', service, '--version', String(release.revision)],
      onLine: (line) => log(source, line),
    });
  }

  #watch(slot: Slot): void {
    const { log, onChange } = this.#options;
    const { process } = slot;
    let readyAt: number | undefined;
    void process.ready.then((isReady) => {
      if (!isReady || this.#isClosing) return;
      readyAt = performance.now();
      log('supervisor', `${slot.source} is ready, process ${process.pid}`);
      onChange();
    });
    void process.ended.then(({ why }) => {
      if (this.#isClosing) return;
      onChange();
      const wasHealthy = readyAt !== undefined && performance.now() - readyAt >= healthyAfterMs;
      slot.crashes = wasHealthy ? 1 : slot.crashes + 1;
      const pauseMs = restartPauseMs(slot.crashes, Math.random());
      log('supervisor', `${slot.source}, process ${process.pid}, is gone: ${why}; it is started again in ${Math.round(pauseMs)} ms`);
      slot.restart = setTimeout(() => {
        slot.restart = undefined;
        slot.process = this.#start(slot.source);
        this.#watch(slot);
      }, pauseMs);
    });
  }
}

function aborted(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('stopped');
    signal.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
}
