import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { failure, ModelflowError } from '../spec/diagnostic.ts';

/**
 * Where modelflow keeps what can be made again and is shared by all projects of a user: `$MODELFLOW_CACHE`, or the place that the
 * system has for such things. Creates nothing. MF3202 when the user has no home folder either.
 */
export function userCacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const own = env['MODELFLOW_CACHE'];
  if (own) return resolve(own);
  const shared = env['XDG_CACHE_HOME'];
  // The XDG specification tells to ignore a relative path.
  if (shared && isAbsolute(shared)) return join(shared, 'modelflow');
  const home = env['HOME'] || homeOfUser();
  return platform === 'darwin' ? join(home, 'Library', 'Caches', 'modelflow') : join(home, '.cache', 'modelflow');
}

/** A folder in it for what only saves time; undefined where nobody is at home. */
export function cacheFolderIfAny(name: string): string | undefined {
  try {
    return join(userCacheFolder(), name);
  } catch (error) {
    if (error instanceof ModelflowError) return undefined;
    throw error;
  }
}

function homeOfUser(): string {
  try {
    return homedir();
  } catch (cause) {
    throw failure('MF3202', 'There is no home folder to keep a cache in: HOME is not set, and the user has none on this system', {
      hint: 'Set MODELFLOW_CACHE to a folder that can be written.',
      cause,
    });
  }
}
