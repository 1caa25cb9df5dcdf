import { CommanderError } from 'commander';
import type { ExitCode } from '../spec/codes.ts';
import { codes } from '../spec/codes.ts';
import { failure, ModelflowError } from '../spec/diagnostic.ts';
import { guardEnd } from './guard-end.ts';
import { buildProgram } from './program.ts';
import { showDiagnostics } from './show.ts';

/** Runs one command line and answers with its exit code. Nothing is thrown: what went wrong is on stderr. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  // The runtime library would otherwise report home; this must be set before it is loaded, here or in a child.
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  const stopping = new AbortController();
  const guard = guardEnd(() => stopping.abort());
  const stop = stopOnSignals(stopping, guard.end);
  const outcome: { code: ExitCode } = { code: 0 };
  const program = buildProgram(stopping.signal, (code) => {
    outcome.code = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return guard.failed() ?? outcome.code;
  } catch (error) {
    const code = await exitCodeOf(error, stopping.signal);
    return guard.failed() ?? code;
  } finally {
    guard.end();
    stop.end();
  }
}

async function exitCodeOf(error: unknown, signal: AbortSignal): Promise<ExitCode> {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // A command without its subcommand: its help was shown instead.
    if (error.code === 'commander.help') return 2;
    const message = error.message.replace(/^error: /, '').replace(/\n\(Did you mean .*\)$/, '');
    const near = /\(Did you mean (.*?)\??\)/.exec(error.message)?.[1];
    await showDiagnostics(failure('MF1201', message, { hint: near ? `Did you mean \`${near}\`?` : 'See `modelflow --help`.' }).diagnostics);
    return 2;
  }
  if (error instanceof ModelflowError) {
    await showDiagnostics(error.diagnostics);
    return error.exitCode;
  }
  if (signal.aborted) {
    console.error('stopped');
    return 130;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  await showDiagnostics([{ code: 'MF9001', severity: 'error', message: stack, hint: codes.MF9001.explain }]);
  return 70;
}

/** The first Ctrl-C ends the run cleanly, the second at once: the children die with the CLI either way. */
function stopOnSignals(controller: AbortController, atOnce: () => void): { end(): void } {
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      atOnce();
      process.exit(130);
    }
    console.error('stopping; once more to stop at once');
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  return {
    end: () => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, onSignal);
    },
  };
}
