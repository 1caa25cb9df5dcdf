import { stripVTControlCharacters } from 'node:util';
import { failure } from '../spec/diagnostic.ts';
import { BridgeError, type Log, type ProcessResult } from '../spec/port.ts';

/** One call of a bridge script, seen from our side. */
export interface Conversation {
  line(line: string, stream: 'stdout' | 'stderr'): void;
  progressLine(line: string): void;
  /** What stood under `ok`. Throws a `BridgeError` for `error`, and MF3203 when the script ended in any other way. */
  result(ended: ProcessResult): unknown;
}

const keptLines = 200;
const shownLines = 20;
const traceback = 'Traceback (most recent call last):';

/** Follows what a script says: progress and text go to the log, the last line of stdout is the result. */
export function converse(log: Log, script: string): Conversation {
  let candidate: string | undefined;
  const said: string[] = [];
  const text = (raw: string): void => {
    const line = stripVTControlCharacters(raw).trimEnd();
    if (line === '') return;
    said.push(line);
    if (said.length > keptLines) said.shift();
    log.info(line);
  };
  return {
    line(line, stream) {
      if (stream === 'stderr') return text(line);
      if (line.trim() === '') return;
      // A library printed to stdout: only the last line can be the result.
      if (candidate !== undefined) text(candidate);
      candidate = line;
    },
    progressLine: (line) => tellProgress(log, line),
    result(ended) {
      const reply = candidate === undefined ? undefined : parseReply(candidate);
      if (reply && 'error' in reply) throw new BridgeError(reply.error.kind, reply.error.message, reply.error.detail);
      if (reply && ended.exitCode === 0) return reply.ok;
      if (!reply && candidate !== undefined) text(candidate);
      throw failure('MF3203', `The Python script ${script} ${howItEnded(ended, reply !== undefined, said)}`, {
        hint: hintFor(ended),
        detail: lastWords(said),
      });
    },
  };
}

type Reply =
  | { readonly ok: unknown }
  | { readonly error: { readonly kind: string; readonly message: string; readonly detail: readonly string[] } };

function parseReply(line: string): Reply | undefined {
  const said = parseObject(line);
  if (!said) return undefined;
  if ('ok' in said) return { ok: said['ok'] };
  const error = asObject(said['error']);
  if (typeof error?.['kind'] !== 'string' || typeof error['message'] !== 'string') return undefined;
  const detail = Array.isArray(error['detail']) ? error['detail'].map(String) : [];
  return { error: { kind: error['kind'], message: error['message'], detail } };
}

function tellProgress(log: Log, line: string): void {
  const said = parseObject(line);
  if (!said) {
    log.info(line);
    return;
  }
  const { progress, doing } = said;
  const fraction = typeof progress === 'number' && Number.isFinite(progress) ? Math.min(1, Math.max(0, progress)) : undefined;
  log.progress(fraction, typeof doing === 'string' ? doing : '');
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return asObject(JSON.parse(line));
  } catch {
    // No JSON: the callers treat it as text.
    return undefined;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
}

function howItEnded(ended: ProcessResult, replied: boolean, said: readonly string[]): string {
  const how = ended.signal === undefined ? `ended with exit code ${ended.exitCode}` : `was killed by ${ended.signal}`;
  if (replied) return `${how} after it had given its result`;
  const start = said.lastIndexOf(traceback);
  const raised = start < 0 ? undefined : said.slice(start + 1).find((line) => /^[A-Za-z_][\w.]*(:|$)/.test(line));
  return raised === undefined ? `${how} without a result` : `raised ${raised}`;
}

function hintFor(ended: ProcessResult): string {
  if (ended.signal === 'SIGKILL')
    return 'The system kills a process that takes more memory than there is: try with a smaller model, or on a larger machine.';
  return 'What the script said last follows; the whole of it is in the log of the run.';
}

/** The last traceback, or the last lines. */
function lastWords(said: readonly string[]): readonly string[] {
  const start = said.lastIndexOf(traceback);
  if (start < 0) return said.slice(-shownLines);
  const trace = said.slice(start);
  return trace.length <= 2 * shownLines ? trace : [...trace.slice(0, shownLines), '…', ...trace.slice(-shownLines)];
}
