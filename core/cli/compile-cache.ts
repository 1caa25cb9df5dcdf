import { enableCompileCache } from 'node:module';
import { cacheFolderIfAny } from '../world/cache-folder.ts';

/** From now on V8 keeps what it has compiled, in the user's cache folder. Where that cannot be written, it compiles each time. */
export function keepCompiledCode(): void {
  // Without a folder Node takes the one of NODE_COMPILE_CACHE, or a temporary one.
  enableCompileCache(process.env['NODE_COMPILE_CACHE'] ? undefined : cacheFolderIfAny('compiled'));
}
