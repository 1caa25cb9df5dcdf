import { fingerprintOf } from '../plan/fingerprint.ts';
import type { GraphNode } from '../plan/graph.ts';
import { type Inputs, isList } from '../plan/plan.ts';
import type { Code } from '../spec/codes.ts';
import { failure } from '../spec/diagnostic.ts';
import type { NewEvent } from '../spec/event.ts';
import type { FingerprintParts } from '../spec/plan.ts';
import type { Log, StoredArtifact } from '../spec/port.ts';
import type { LiveService } from '../spec/target.ts';
import { diagnosticsOf, Stopped } from './failure.ts';
import type { EnginePorts } from './ports.ts';

/** What it takes to run one node. */
export interface Job {
  readonly node: GraphNode;
  readonly inputs: Inputs;
  readonly parts: FingerprintParts;
  readonly signal: AbortSignal;
  readonly ports: EnginePorts;
  emit(event: NewEvent): Promise<void>;
  /** For a node that deploys: brings the world to where it should be, before the stage writes it down. */
  readonly rollout?: (signal: AbortSignal, log: Log) => Promise<LiveService>;
}

/** A release that was refused is not deployed by another try, and a damaged input must be made again first. */
const final: ReadonlySet<Code> = new Set<Code>(['MF1113', 'MF2101', 'MF3006', 'MF5005', 'MF5007', 'MF5300', 'MF5301', 'MF5302', 'MF6005']);

/** Runs a node until it is made, its tries are used up, or the run is stopped. What failed leaves nothing behind. */
export async function execute(job: Job): Promise<StoredArtifact> {
  const { node, ports } = job;
  const { times, firstPauseMs, longestPauseMs } = node.node.policy.retries;
  for (let attempt = 1; ; attempt++) {
    const fingerprint = fingerprintOf(job.parts);
    await job.emit({ type: 'node-started', node: node.name, stage: node.node.stage.name, attempt, fingerprint, parts: job.parts });
    try {
      return await attemptOnce(job, attempt, fingerprint);
    } catch (error) {
      if (job.signal.aborted) throw new Stopped();
      const diagnostics = diagnosticsOf(error, node.node.stage.name, node.name);
      const [first] = diagnostics;
      if (attempt > times || first === undefined || final.has(first.code)) throw error;
      const pauseMs = Math.round(Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)) * (0.5 + ports.random() / 2));
      await job.emit({ type: 'node-retried', node: node.name, attempt, pauseMs, diagnostic: first });
      await ports.clock.pause(pauseMs, job.signal).catch(() => {
        throw new Stopped();
      });
    }
  }
}

async function attemptOnce(job: Job, attempt: number, fingerprint: string): Promise<StoredArtifact> {
  const { node, ports } = job;
  const began = ports.clock.now().getTime();
  const place = ports.attempt(node.name, attempt);
  try {
    const facts = await withinTime(job, (signal) => runStage(job, place.out, signal));
    await ports.sourcesUnchanged(node, job.parts);
    const artifact = await ports.artifacts.commit(place.out, node.node.stage.output.name, facts);
    const now = ports.clock.now();
    const durationMs = now.getTime() - began;
    await ports.results.record({ fingerprint, digest: artifact.digest, durationMs, at: now.toISOString() });
    await job.emit({
      type: 'node-finished',
      node: node.name,
      fingerprint,
      digest: artifact.digest,
      facts: artifact.facts,
      sizeBytes: artifact.sizeBytes,
      durationMs,
    });
    return artifact;
  } finally {
    place.remove();
  }
}

async function runStage(job: Job, out: string, signal: AbortSignal): Promise<unknown> {
  const { node, ports } = job;
  const log = logOf(job);
  // First: damaged bytes must not become live either.
  const inputs = await opened(job.inputs, ports);
  const live = await job.rollout?.(signal, log);
  return ports.runStage({ node, parts: job.parts, inputs, out, signal, log, live });
}

/** Bytes that a stage or a target is about to read are checked against their digests; what is damaged is set aside. */
async function opened(inputs: Inputs, ports: EnginePorts): Promise<Inputs> {
  const open = async (artifact: StoredArtifact): Promise<StoredArtifact> => {
    const found = await ports.artifacts.open(artifact.digest, 'verified');
    if (found) return found;
    throw failure('MF6005', `the artifact ${artifact.digest.slice(0, 12)} (${artifact.kind}) is damaged`, {
      hint: 'It was moved to quarantine. Run again: it will be made anew.',
    });
  };
  const entries = Object.entries(inputs).map(
    async ([slot, given]) => [slot, isList(given) ? await Promise.all(given.map(open)) : await open(given)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Stops the work when the run is stopped or the time is up; a stage that does not listen is left behind after a grace. */
async function withinTime(job: Job, act: (signal: AbortSignal) => Promise<unknown>): Promise<unknown> {
  const { timeoutMs } = job.node.node.policy;
  const { clock } = job.ports;
  const timeout = new AbortController();
  const ended = new AbortController();
  const signal = AbortSignal.any([job.signal, timeout.signal]);
  // Both pauses are over when the stage has ended by itself; until then they keep the process alive, as AbortSignal.timeout would not.
  const after = (milliseconds: number, then: () => void): void => void clock.pause(milliseconds, ended.signal).then(then, () => undefined);
  const deaf = new Promise<never>((_, reject) => {
    const giveUp = (): void => after(graceMs, () => reject(new Stopped()));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true, signal: ended.signal });
  });
  if (timeoutMs !== undefined) after(timeoutMs, () => timeout.abort());
  try {
    return await Promise.race([act(signal), deaf]);
  } catch (error) {
    if (timeout.signal.aborted && !job.signal.aborted) {
      throw failure('MF3002', `\`${job.node.name}\` (${job.node.node.stage.name}) took longer than ${timeoutMs} ms`, {
        hint: 'Raise `timeoutMs`, or find out with `modelflow logs` where the time goes.',
        cause: error,
      });
    }
    throw error;
  } finally {
    ended.abort();
  }
}

const graceMs = 10_000;

export function logOf(job: Pick<Job, 'node' | 'emit'>): Log {
  const node = job.node.name;
  const said = (event: NewEvent): void => {
    // A log line that cannot be written must not fail the stage; the next durable event reports the same disk.
    job.emit(event).catch(() => undefined);
  };
  return {
    info: (line) => said({ type: 'node-output', node, level: 'info', line }),
    warn: (line) => said({ type: 'node-output', node, level: 'warn', line }),
    progress: (fraction, doing) => said({ type: 'node-progress', node, fraction, doing }),
  };
}
