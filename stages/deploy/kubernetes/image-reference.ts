import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Artifact, ModelflowError, openRegistry } from '../../../core/index.ts';
import { programUrl } from '../../containerize/programs.ts';
import { ensurePushed as ensureInRegistry } from '../../containerize/push.ts';
import type { OciImage } from '../../kinds.ts';
import type { Context } from './context.ts';
import { referenceOf, repositoryFor } from './reference.ts';

/**
 * The reference of the image once it is in the registry, with what is attached to it. Nothing is sent of what is there. One that was pushed
 * before is taken for there where this machine cannot ask.
 */
export async function ensurePushed(image: Artifact<typeof OciImage>, { settings, signal, log }: Context): Promise<string> {
  const reference = referenceOf(image.facts, settings);
  try {
    return await ensureInRegistry(image, { signal, log, repository: repositoryOf(reference) });
  } catch (error) {
    if (reference !== image.facts.pushed || !(error instanceof ModelflowError)) throw error;
    log.warn(`whether ${reference} is still there could not be asked: ${error.message}`);
    return reference;
  }
}

/**
 * The reference of the router image, beside the image of the model. Its tag is made of the program in it: what any machine has pushed is
 * taken by all, so that routers are not replaced by the same in another packing.
 */
export async function ensureRouterImage(beside: string, { settings, signal, log }: Context): Promise<string> {
  if (settings.routerImage !== undefined) return settings.routerImage;
  const name = 'modelflow-router';
  const own = repositoryOf(beside).split('/').slice(0, -1).join('/');
  const repository = repositoryFor(settings.repository ?? own, name);
  const registry = await openRegistry({ repository, signal, log });
  const tag = `of-${createHash('sha256')
    .update(await readFile(programUrl('router')))
    .digest('hex')
    .slice(0, 16)}`;
  if (await registry.hasManifest(tag)) return `${repository}@${await registry.resolve(tag)}`;
  const folder = await mkdtemp(join(tmpdir(), 'modelflow-router-'));
  try {
    const { routerImage } = await import('../../containerize/router-image.ts');
    const { digest } = await routerImage({ oci: folder, name, signal, log });
    log.info(`pushing ${repository}@${digest}`);
    await registry.pushLayout({ folder, tags: [tag] });
    return `${repository}@${digest}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function repositoryOf(reference: string): string {
  return reference.slice(0, reference.indexOf('@'));
}
