import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import type { Backend } from './backend.ts';
import { answerText } from './binary-answer.ts';
import { agree } from './compare.ts';
import { type ComparisonCounts, countLatency } from './counts.ts';
import type { Limits } from './limits.ts';
import { type LiveRevision, pick } from './revision.ts';

/** A request that was answered, and what was said. */
export interface Answered {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: readonly Buffer[];
  readonly answer: string;
}

/** Asks a candidate what somebody else has answered already, and compares. Nobody waits for it. */
export class Mirror {
  readonly #limits: Limits;
  readonly #random: () => number;
  readonly #underWay = new Map<ClientRequest, LiveRevision>();
  #bytes = 0;

  constructor(limits: Limits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Sends a copy, unless too much is under way. */
  send(answered: Answered, candidate: LiveRevision, counts: ComparisonCounts, tolerance: number): void {
    const backend = pick(candidate, new Set());
    const sizeBytes = answered.body.reduce((sum, { length }) => sum + length, answered.answer.length);
    if (backend === undefined || this.#underWay.size >= this.#limits.copies || this.#bytes + sizeBytes > this.#limits.keptBytes) {
      counts.shed += 1;
      return;
    }
    this.#bytes += sizeBytes;
    void this.#compare(answered, candidate, backend, counts, tolerance).finally(() => {
      this.#bytes -= sizeBytes;
    });
  }

  /** These are in the table no longer: their copies are broken off, and not counted. */
  forgetAllBut(revisions: readonly LiveRevision[]): void {
    const stamps = new Set(revisions.map(({ stamp }) => stamp));
    for (const [asked, { stamp }] of [...this.#underWay]) {
      if (stamps.has(stamp)) continue;
      this.#underWay.delete(asked);
      asked.destroy();
    }
  }

  async #compare(
    answered: Answered,
    candidate: LiveRevision,
    backend: Backend,
    counts: ComparisonCounts,
    tolerance: number,
  ): Promise<void> {
    const release = backend.occupied();
    const began = performance.now();
    let copy: ClientRequest | undefined;
    let timer: NodeJS.Timeout | undefined;
    const { method, path, headers, body } = answered;
    const { connectTimeoutMs, copyTimeoutMs: answerTimeoutMs } = this.#limits;
    const outcome = await backend.ask(
      { method, path, headers, connectTimeoutMs, answerTimeoutMs, isFresh: false },
      { sendTo: (sink: Writable) => sendAll(sink, body) },
      (asked) => {
        copy = asked;
        this.#underWay.set(asked, candidate);
        timer = setTimeout(() => asked.destroy(), answerTimeoutMs);
      },
    );
    const text = outcome.what === 'answered' ? await textOf(outcome.answer, this.#limits.keptBodyBytes) : undefined;
    clearTimeout(timer);
    release();
    const isWanted = copy !== undefined && this.#underWay.delete(copy);
    if (!isWanted) return;
    const isWell = outcome.what === 'answered' && text !== undefined && (outcome.answer.statusCode ?? 500) < 400;
    if (!isWell) {
      counts.failed += 1;
      return;
    }
    if (++backend.answers > candidate.warmUpAnswers) countLatency(counts.latencies, performance.now() - began);
    const isSame = agree(answered.answer, text, tolerance, this.#random());
    if (isSame === undefined) return;
    counts.compared += 1;
    if (!isSame) counts.disagreed += 1;
  }
}

function sendAll(sink: Writable, body: readonly Buffer[]): void {
  for (const chunk of body) sink.write(chunk);
  sink.end();
}

/** Undefined when it breaks off, or is too large to compare. */
function textOf(answer: IncomingMessage, limitBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  answer.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes <= limitBytes) chunks.push(chunk);
    else answer.destroy();
  });
  answer.on('error', () => {});
  return new Promise((resolve) => {
    answer.once('close', () =>
      resolve(answer.complete && sizeBytes <= limitBytes ? answerText(answer.headers, Buffer.concat(chunks)) : undefined),
    );
  });
}
