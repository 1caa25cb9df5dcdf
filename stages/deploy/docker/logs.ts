import { Readable } from 'node:stream';
import type { LogLine } from '../../../core/index.ts';
import type { Engine } from '../../lib/docker.ts';
import { linesOf } from './frames.ts';
import { label } from './names.ts';

interface LogGiven {
  readonly follow: boolean;
  readonly lines: number;
}

interface Source {
  readonly id: string;
  readonly name: string;
}

/** The last lines of all containers of a service, in the order of time, and then each one that comes, from containers that are started later too. */
export async function* readLogs(engine: Engine, service: string, given: LogGiven, signal: AbortSignal): AsyncGenerator<LogLine> {
  const filters = { label: [`${label.service}=${service}`] };
  // Heard from before the first look, so that a container that starts in between is seen by one of the two.
  const starts = given.follow ? await eventsOf(engine, filters, signal) : undefined;
  const found = await engine.api.listContainers({ all: true, filters: JSON.stringify(filters), abortSignal: signal });
  const sources = found.map(({ Id, Names, Labels }) => sourceOf(Id, Names[0]?.slice(1), Labels));
  const last = (await Promise.all(sources.map((source) => lastOf(engine, source, given.lines, signal)))).flat();
  last.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  if (given.lines > 0) yield* last.slice(-given.lines);
  if (starts) yield* new Following(engine, sources, last, signal).lines(starts);
}

/** `8a2f01bc90de/0`, or `router`. */
function sourceOf(id: string, name: string | undefined, labels: Readonly<Record<string, string>>): Source {
  const stamp = labels[label.stamp];
  return { id, name: stamp ? `${stamp.slice(0, 12)}/${labels[label.replica]}` : (labels[label.role] ?? name ?? id) };
}

async function lastOf(engine: Engine, source: Source, tail: number, signal: AbortSignal): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of read(engine, source, { tail, follow: false }, signal)) lines.push(line);
  return lines;
}

interface Reading {
  readonly follow: boolean;
  readonly tail?: number;
  /** Seconds since 1970. */
  readonly since?: number;
}

async function* read(engine: Engine, source: Source, reading: Reading, signal: AbortSignal): AsyncGenerator<LogLine> {
  try {
    const options = { stdout: true, stderr: true, timestamps: true, ...reading, abortSignal: signal };
    const stream = await logStream(engine, source.id, options);
    for await (const line of linesOf(stream)) yield parsed(line, source.name);
  } catch (error) {
    // Gone meanwhile, or kept by a log driver that nobody can read from.
    if (!signal.aborted && (error as { readonly statusCode?: number }).statusCode === undefined) throw error;
  }
}

/** The client reads what ends by itself into one piece. */
async function logStream(engine: Engine, id: string, options: Readonly<Record<string, unknown>>): Promise<Readable> {
  const log: unknown = await engine.api.getContainer(id).logs(options as object);
  return Buffer.isBuffer(log) ? Readable.from([log]) : (log as Readable);
}

/** `2026-01-02T03:04:05.123456789Z text` */
function parsed(line: string, source: string): LogLine {
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (.*)$/s.exec(line);
  return { at: match?.[1] ?? '', source, line: (match?.[2] ?? line).replace(/\r$/, '') };
}

type Started = AsyncIterable<{ readonly id: string; readonly name: string | undefined; readonly labels: Readonly<Record<string, string>> }>;

async function eventsOf(engine: Engine, { label: labels }: { readonly label: string[] }, signal: AbortSignal): Promise<Started> {
  const filters = JSON.stringify({ label: labels, type: ['container'], event: ['start'] });
  const stream = (await engine.api.getEvents({ filters, abortSignal: signal } as object)) as Readable;
  return (async function* () {
    let rest = '';
    for await (const chunk of stream) {
      const lines = `${rest}${String(chunk)}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((each) => each.trim() !== '')) {
        const { id, Actor } = JSON.parse(line) as { id: string; Actor?: { Attributes?: Record<string, string> } };
        yield { id, name: Actor?.Attributes?.['name'], labels: Actor?.Attributes ?? {} };
      }
    }
  })();
}

/** Merges the lines of all containers as they come. A container that starts again is read on from where its last line was. */
class Following {
  readonly #engine: Engine;
  readonly #signal: AbortSignal;
  readonly #waiting: LogLine[] = [];
  readonly #last = new Map<string, string>();
  readonly #open = new Set<string>();
  #wake: () => void = () => {};
  #failure: unknown;

  constructor(engine: Engine, sources: readonly Source[], seen: readonly LogLine[], signal: AbortSignal) {
    this.#engine = engine;
    this.#signal = signal;
    const begun = new Date().toISOString();
    for (const source of sources) {
      this.#last.set(source.id, seen.findLast((line) => line.source === source.name)?.at ?? begun);
      this.#follow(source);
    }
  }

  async *lines(starts: Started): AsyncGenerator<LogLine> {
    void this.#takeUp(starts);
    const wake = () => this.#wake();
    this.#signal.addEventListener('abort', wake);
    try {
      while (!this.#signal.aborted) {
        yield* this.#waiting.splice(0);
        if (this.#failure) throw this.#failure;
        if (this.#waiting.length === 0 && !this.#signal.aborted) await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#signal.removeEventListener('abort', wake);
    }
  }

  async #takeUp(starts: Started): Promise<void> {
    try {
      for await (const { id, name, labels } of starts) this.#follow(sourceOf(id, name, labels));
      throw new Error('the engine has ended the connection');
    } catch (error) {
      this.#failure = error;
      this.#wake();
    }
  }

  #follow(source: Source): void {
    if (this.#open.has(source.id)) return;
    this.#open.add(source.id);
    void this.#readAll(source).catch((error: unknown) => {
      this.#failure = error;
      this.#wake();
    });
  }

  async #readAll(source: Source): Promise<void> {
    const from = this.#last.get(source.id);
    const since = from === undefined ? {} : { since: Math.floor(Date.parse(from) / 1000) };
    for await (const line of read(this.#engine, source, { follow: true, ...since }, this.#signal)) {
      // The engine takes whole seconds: what was told already is passed over.
      if (line.at !== '' && line.at <= (this.#last.get(source.id) ?? '')) continue;
      this.#last.set(source.id, line.at);
      this.#waiting.push(line);
      this.#wake();
    }
    this.#open.delete(source.id);
  }
}
