import { stripVTControlCharacters } from 'node:util';
import type { StageWork } from '../engine/ports.ts';
import { fingerprintOf } from '../plan/fingerprint.ts';
import type { GraphNode } from '../plan/graph.ts';
import { type Diagnostic, failure, ModelflowError } from '../spec/diagnostic.ts';
import type { Log, ProcessResult, ProcessRunner } from '../spec/port.ts';
import { unreachable } from '../spec/unreachable.ts';
import type { StartedChild } from '../world/process-identity.ts';
import { type HostJob, type HostSaid, hostCommand, messageIn } from './host-protocol.ts';
import type { LoadedConfig } from './load-config.ts';

const keptLines = 20;

/** A stage that is defined in the user's own files may do anything to its process, so it gets one of its own. What deploys has no work of its own to do. */
export function needsHost(node: GraphNode, config: LoadedConfig): boolean {
  return node.node.stage.deploys === undefined && node.node.definedIn().some((file) => config.isUsers(file));
}

/** Runs the stage in a process of its own, and answers with its facts as that process has checked them. */
export async function runInHost(
  work: StageWork,
  where: Pick<HostJob, 'config' | 'root' | 'profile'>,
  program: ProcessRunner,
  onChild: (child: StartedChild) => void,
): Promise<unknown> {
  const { node, parts, inputs, out, log } = work;
  const job: HostJob = { ...where, node: node.name, parts, fingerprint: fingerprintOf(parts), inputs, out };
  const heard = listener(log, onChild);
  const ended = await program.run({
    command: process.execPath,
    args: [...process.execArgv.filter((flag) => !flag.startsWith('--inspect')), process.argv[1] ?? '', hostCommand],
    input: JSON.stringify(job),
    onLine: heard.talk,
    onProgressLine: heard.line,
  });
  const end = heard.end();
  if (end === undefined) throw diedEarly(node, ended, heard.lastWords);
  if ('failed' in end) throw new ModelflowError(end.failed);
  return end.facts;
}

type End = { readonly facts: unknown } | { readonly failed: readonly Diagnostic[] };

interface Listener {
  /** A line that the stage printed. */
  talk(raw: string): void;
  /** A line of file descriptor 3. */
  line(line: string): void;
  /** The first word is the last one: what a stage does once it has an end changes nothing. */
  end(): End | undefined;
  readonly lastWords: readonly string[];
}

function listener(log: Log, onChild: (child: StartedChild) => void): Listener {
  const lastWords: string[] = [];
  let end: End | undefined;
  const talk = (raw: string): void => {
    const line = stripVTControlCharacters(raw).trimEnd();
    if (line === '') return;
    if (lastWords.push(line) > keptLines) lastWords.shift();
    log.info(line);
  };
  return {
    talk,
    line(line) {
      const message = messageIn(line);
      if (message === undefined) talk(line);
      else if ('facts' in message) end ??= message;
      else if (message.said.type === 'node-failed') end ??= { failed: message.said.diagnostics };
      else repeat(message.said, log, onChild);
    },
    end: () => end,
    lastWords,
  };
}

function repeat(said: Exclude<HostSaid, { type: 'node-failed' }>, log: Log, onChild: (child: StartedChild) => void): void {
  switch (said.type) {
    case 'node-output':
      log[said.level](said.line);
      break;
    case 'node-progress':
      log.progress(said.fraction, said.doing);
      break;
    case 'child-started':
      onChild(said);
      break;
    default:
      unreachable(said);
  }
}

function diedEarly(node: GraphNode, { exitCode, signal }: ProcessResult, detail: readonly string[]): ModelflowError {
  const who = `\`${node.name}\` (${node.node.stage.name})`;
  if (detail.some((line) => line.includes('JavaScript heap out of memory')))
    return failure('MF3008', `${who} ran out of memory: the JavaScript heap of its process was full`, {
      hint: 'Work in smaller pieces, or allow it more: NODE_OPTIONS=--max-old-space-size=8192 (MiB).',
      detail,
    });
  if (signal === 'SIGKILL')
    return failure('MF3008', `${who} was killed (SIGKILL), as the system does with what takes more memory than there is`, {
      hint: 'Say with `weight: { memory }` what it takes, so that less runs beside it, or use a larger machine.',
      detail,
    });
  if (signal !== undefined)
    return failure('MF3007', `${who} crashed: its process was ended by ${signal}`, {
      hint: 'A native library that the stage uses may have crashed. Nothing of this attempt was stored.',
      detail,
    });
  return failure('MF3007', `${who} ended its process with exit code ${exitCode} (\`process.exit\`) before it had a result`, {
    hint: 'Return the facts, or throw: the process is then ended for you.',
    detail,
  });
}
