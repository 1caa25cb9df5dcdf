import type { Origin } from '../engine/ports.ts';
import type { Journal, Reporter } from '../spec/journal.ts';
import type { Log, ProcessRunner, PythonRunner } from '../spec/port.ts';
import { userCacheFolder } from '../world/cache-folder.ts';
import { processRunner } from '../world/process.ts';
import { pythonRunner } from '../world/python.ts';

/** The run that a command has begun. */
export interface RunWorld {
  readonly run: string;
  readonly journal: Journal;
  readonly reporters: readonly Reporter[];
  readonly origin: Origin;
  readonly signal: AbortSignal;
}

/** What a stage runs programs with. Every child is journalled, so that the next run can make sure that none of them is left. */
export function processesFor(
  node: string,
  signal: AbortSignal,
  log: Log,
  world: RunWorld,
): { readonly process: ProcessRunner; readonly python: PythonRunner } {
  const process = processRunner({
    signal,
    // A line that cannot be written must not end the process; the next event reports the same disk, and the child dies with us either way.
    onStarted: ({ pid, startedAt }) =>
      void world.journal.append({ type: 'child-started', node, pid, startedAt }).catch((error: unknown) => log.warn(String(error))),
  });
  return { process, python: pythonRunner({ process, log, signal, cacheFolder: userCacheFolder() }) };
}
