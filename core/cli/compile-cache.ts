import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { userCacheFolder } from '../world/cache-folder.ts';

/** From now on V8 keeps what it has compiled, in the user's cache folder. Where that cannot be written, it compiles each time. */
export function keepCompiledCode(): void {
  if (process.env['NODE_COMPILE_CACHE']) enableCompileCache();
  else enableCompileCache(folder());
}

function folder(): string | undefined {
  try {
    return join(userCacheFolder(), 'compiled');
  } catch {
    // Nobody's home: Node's own choice is a temporary folder.
    return undefined;
  }
}
