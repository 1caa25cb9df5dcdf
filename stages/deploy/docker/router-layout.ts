import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { routerFile } from '../../../core/route/index.ts';
import type { RouterImage } from './router.ts';

/** The router of this version of modelflow, on the Node that runs here. Made once for an engine, and only when it is needed. */
export const ownRouterImage: RouterImage = {
  version: () =>
    createHash('sha256').update(`${process.version} ${process.arch} `).update(readFileSync(routerFile())).digest('hex').slice(0, 12),
  async layout(oci, log, signal) {
    const { routerImage } = await import('../../containerize/router-image.ts');
    await routerImage({ oci, log, signal });
  },
};
