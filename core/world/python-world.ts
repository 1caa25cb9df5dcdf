import type { Log, ProcessRunner } from '../spec/port.ts';

/** What making and using Python environments needs of the world around. */
export interface PythonWorld {
  readonly process: ProcessRunner;
  readonly log: Log;
  /** See `userCacheFolder`. Made when it is first needed. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}
