import { fileURLToPath } from 'node:url';

export type { RouteRevision, RouteTable } from './table.ts';

/** The router as one file that needs nothing but Node: for images. It is made by the build, also for those who run from source. */
export function routerFile(): string {
  const built = import.meta.url.endsWith('.ts') ? '../../dist/image/router.js' : '../../image/router.js';
  return fileURLToPath(new URL(built, import.meta.url));
}
