import { pathToFileURL } from 'node:url';
import type { ExitCode } from '../spec/codes.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { parseFrame } from '../spec/place.ts';
import { ownModules } from './own-modules.ts';
import { showDiagnostics } from './show.ts';

/** Sees to it that a command which did not come to its end does not look as if it had. */
export interface EndGuard {
  /** The exit code for something that was thrown where nobody waited for it; undefined when there was none. */
  failed(): ExitCode | undefined;
  end(): void;
}

/**
 * Stages of packages run in this process, and so does what a configuration does itself. They may end it (`process.exit`), wait for what never comes (Node then ends with exit code 0),
 * or leave a promise behind that fails; and who reads our output may go away. `stop` ends the command cleanly.
 */
export function guardEnd(stop: () => void): EndGuard {
  let code: ExitCode | undefined;
  let isIdle = false;
  const onThrown = (error: unknown): void => {
    const diagnostic = thrownDiagnostic(error, 'The run was stopped; what was finished is kept.');
    code ??= diagnostic.code === 'MF9001' ? 70 : 1;
    void showDiagnostics([diagnostic]);
    stop();
  };
  const onIdle = (): void => {
    isIdle = true;
  };
  const onExit = (): void => {
    process.exitCode = 1;
    const why = isIdle ? 'what was running waits for something that can no longer happen' : 'something ended the process (`process.exit`)';
    console.error(`error MF3001: the command did not come to its end: ${why}\n  hint: What was finished is kept; run again to go on.`);
  };
  // These stay: a reader may be missed after the last line. Nobody is told, since nobody reads; a follower of logs ends.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      stop();
    });
  process.on('uncaughtException', onThrown).on('beforeExit', onIdle).on('exit', onExit);
  return {
    failed: () => code,
    end: () => void process.off('uncaughtException', onThrown).off('beforeExit', onIdle).off('exit', onExit),
  };
}

/** The code that threw is the first in the stack that lies in a file: ours, and then it is our bug, or anybody else's. */
export function thrownDiagnostic(error: unknown, then: string): Diagnostic {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const first = parseFrame(stack)?.file;
  if (first !== undefined && ownModules().owns(pathToFileURL(first).href)) return { code: 'MF9001', severity: 'error', message: stack };
  const [message = '', ...detail] = stack.split('\n');
  return {
    code: 'MF3001',
    severity: 'error',
    message: `something failed that nobody was waiting for: ${message}`,
    hint: `A stage, or a library that it uses, left a promise or a callback behind. ${then}`,
    detail: detail.slice(0, 5).map((line) => line.trim()),
  };
}
