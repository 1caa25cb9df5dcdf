import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { logOf } from '../engine/execute.ts';
import { diagnosticsOf } from '../engine/failure.ts';
import { causesOf } from '../plan/explain.ts';
import { fingerprintOf } from '../plan/fingerprint.ts';
import { type GraphNode, graphOf } from '../plan/graph.ts';
import { type Diagnostic, failure } from '../spec/diagnostic.ts';
import type { Cause } from '../spec/plan.ts';
import { forStage } from '../world/for-stage.ts';
import { fingerprintParts } from './fingerprint-parts.ts';
import { thrownDiagnostic } from './guard-end.ts';
import type { HostJob, HostMessage, HostSaid } from './host-protocol.ts';
import { keptDigests } from './kept-digests.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import { processesFor } from './processes.ts';
import { runHere } from './run-here.ts';
import { redactStreams, type Secrets, secretsOf } from './secrets.ts';

/**
 * One attempt of one stage of the user's, in a process that it may ruin. The configuration is evaluated again, and the stage is run only
 * if it is, by its fingerprint, the one that the run has begun.
 */
export async function hostStage(): Promise<never> {
  const stopping = new AbortController();
  process.on('SIGTERM', () => stopping.abort());
  dieFirst();
  // As in the CLI: the runtime library would otherwise report home.
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  const job = JSON.parse(readFileSync(0, 'utf8')) as HostJob;
  const secrets = secretsOf(job.root, (redactor) => redactStreams([process.stdout, process.stderr], redactor));
  const say = (said: HostSaid): void => tell({ said: secrets.redactor.event(said) });
  const fail = (diagnostics: readonly Diagnostic[]): never => {
    say({ type: 'node-failed', node: job.node, diagnostics });
    process.exit(1);
  };
  process.on('uncaughtException', (error) => fail([thrownDiagnostic(error, 'Nothing of this attempt was stored.')]));
  process.on('beforeExit', () => fail(neverEnding(job)));
  try {
    tell({ facts: await factsOf(job, secrets, say, stopping.signal) });
  } catch (error) {
    fail(diagnosticsOf(error, job.parts.stage, job.node));
  }
  // What the stage left open must not keep its process alive; what it wrote to its streams is written already.
  process.exit(0);
}

async function factsOf(job: HostJob, secrets: Secrets, say: (said: HostSaid) => void, signal: AbortSignal): Promise<unknown> {
  const config = await loadConfig({ from: job.root, file: job.config });
  const node = await plannedNode(job, config);
  const log = logOf({ node, emit: async (event) => say(event as HostSaid) });
  const programs = processesFor(signal, log, (child) => say({ type: 'child-started', node: job.node, ...child }));
  const { inputs, out } = job;
  const facts = await runHere(
    { node, inputs, out, signal, log, live: undefined },
    forStage(node.node.options, config.root, secrets.opened) as Readonly<Record<string, unknown>>,
    programs,
  );
  // Here too: a command may have given this process another value than it gave the CLI.
  secrets.refuseIn(out, facts);
  return facts;
}

/** The same node, made of the same things; MF3006 when the configuration now gives another one, or none. */
async function plannedNode(job: HostJob, config: LoadedConfig): Promise<GraphNode> {
  const { wanted } = await config.evaluate(job.profile);
  const node = graphOf(wanted).byName.get(job.node);
  if (!node) throw changed(job, 'it is not in the configuration any more');
  const parts = await fingerprintParts({ config, digests: keptDigests(config.root) }).parts(node, job.inputs);
  if (fingerprintOf(parts) !== job.fingerprint) throw changed(job, causesOf(job.parts, parts).map(nameOf).join(', '));
  return node;
}

function changed(job: HostJob, what: string): Error {
  return failure('MF3006', `the configuration changed during the run: \`${job.node}\` is not what the run began: ${what}`, {
    hint: 'Run again. If nobody changed a file, the configuration gives something else each time that it is evaluated: the time, a random number.',
  });
}

function nameOf(cause: Cause): string {
  switch (cause.why) {
    case 'option-changed':
    case 'source-changed':
      return `option \`${cause.path}\``;
    case 'input-changed':
      return `input \`${cause.slot}\``;
    case 'stage-changed':
    case 'code-changed':
    case 'tool-changed':
      return `${cause.why.replace('-changed', '')} \`${cause.what}\``;
    default:
      return cause.why;
  }
}

function neverEnding(job: HostJob): readonly Diagnostic[] {
  return failure('MF3007', `\`${job.node}\` (${job.parts.stage}) waits for something that can no longer happen`, {
    hint: 'A promise is never settled: nothing is left in the process that could settle it.',
  }).diagnostics;
}

/** When memory runs out, Linux ends what is worth least: this process and what it starts, and not the CLI. */
function dieFirst(): void {
  if (process.platform !== 'linux') return;
  try {
    writeFileSync('/proc/self/oom_score_adj', '500');
  } catch {
    // Not allowed in every container; then the system chooses by size.
  }
}

/** At once and whole: the process may end before anything later. */
function tell(message: HostMessage): void {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let from = 0; from < bytes.length; ) {
    try {
      from += writeSync(3, bytes, from);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      // Nobody listens any more: the CLI is gone, and this process is about to be.
      else if (code === 'EPIPE') return;
      else throw error;
    }
  }
}
