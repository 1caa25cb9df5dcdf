import type { Log, PythonRunner } from 'modelflow';
import { userCacheFolder } from '../../core/world/cache-folder.ts';
import { processRunner } from '../../core/world/process.ts';
import { pythonRunner } from '../../core/world/python.ts';

/** Talks to nobody. */
export const silent: Log = { info: () => undefined, warn: () => undefined, progress: () => undefined };

/** NumPy and scikit-learn, made once in the user's cache folder. */
export const scikitLearn = { name: 'scikit-learn', lock: new URL('./sklearn.lock', import.meta.url) };

/** The real runner that stages are given. */
export function realPython(): PythonRunner {
  const process = processRunner({ signal: new AbortController().signal });
  return pythonRunner({ process, log: silent, cacheFolder: userCacheFolder() });
}
