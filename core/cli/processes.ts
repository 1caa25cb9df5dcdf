import type { Origin } from '../engine/ports.ts';
import type { Journal, Reporter } from '../spec/journal.ts';
import type { Log, ProcessRunner, PythonRunner } from '../spec/port.ts';
import { userCacheFolder } from '../world/cache-folder.ts';
import type { StartedChild } from '../world/process-identity.ts';

/** The run that a command has begun. */
export interface RunWorld {
  readonly run: string;
  readonly journal: Journal;
  readonly reporters: readonly Reporter[];
  readonly origin: Origin;
  readonly signal: AbortSignal;
}

/** What a stage runs programs with. `onStarted` hears of every child: the next run must be able to make sure that none of them is left. */
export function processesFor(
  signal: AbortSignal,
  log: Log,
  onStarted: (child: StartedChild) => void,
): { readonly process: ProcessRunner; readonly python: PythonRunner } {
  // Loaded when a stage first starts a program: a plan, and most stages, start none.
  const runner = once(async (): Promise<ProcessRunner> => {
    const { processRunner } = await import('../world/process.ts');
    return processRunner({ signal, onStarted });
  });
  const process: ProcessRunner = { run: async (request) => (await runner()).run(request) };
  const bridge = once(async (): Promise<PythonRunner> => {
    const { pythonRunner } = await import('../world/python.ts');
    return pythonRunner({ process, log, signal, cacheFolder: userCacheFolder() });
  });
  return { process, python: { call: async (request) => (await bridge()).call(request) } };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
