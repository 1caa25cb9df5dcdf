import { join } from 'node:path';
import { type Artifact, failure, type Log, openRegistry, type Pushed, parseImageReference } from '../../core/index.ts';
import type { OciImage } from '../kinds.ts';
import type { Attestations } from './attest/attest.ts';
import { publishAttestations, readAttestations } from './attest/publish.ts';

export interface PushContext {
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** What is pushed: an OCI layout, with what is attached to it. */
export interface PushedImage {
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
  /** What it was built on: its registry may take the layers over by itself. */
  readonly baseReference: string;
  readonly oci: string;
  readonly attestations: Attestations;
}

/** Sends what the registry does not have, attachments last. MF3251 for a name without a registry; nothing is sent twice. */
export async function pushImage(image: PushedImage, { signal, log }: PushContext): Promise<Pushed> {
  const registry = await openRegistry({ repository: registryName(image.name), signal, log });
  const mountFrom = mountable(image.baseReference);
  const pushed = await registry.pushLayout({ folder: image.oci, tags: [image.tag], mountFrom });
  await publishAttestations(registry, image.digest, image.attestations);
  const { sentBytes, mountedBytes, skippedBytes } = pushed;
  log.info(`${pushed.reference}: ${megabytes(sentBytes)} sent, ${megabytes(mountedBytes + skippedBytes)} were there`);
  return pushed;
}

/**
 * The reference under which nodes can pull an image, by digest. It is pushed when the registry does not have it, so that one that has lost
 * it is healed from the artifact.
 */
export async function ensurePushed(
  image: Artifact<typeof OciImage>,
  context: PushContext & { readonly repository?: string },
): Promise<string> {
  const { tag, digest, base } = image.facts;
  const repository = context.repository ?? registryName(image.facts.name);
  const registry = await openRegistry({ repository, signal: context.signal });
  const reference = `${repository}@${digest}`;
  if (await registry.hasManifest(digest)) return reference;
  const attestations = await readAttestations(join(image.path, 'attestations'));
  const oci = join(image.path, 'oci');
  await pushImage({ name: repository, tag, digest, baseReference: base.reference, oci, attestations }, context);
  return reference;
}

/** The repository with its registry. Docker reads `digits` as an image of Docker Hub; whoever means that says so. */
export function registryName(name: string): string {
  const first = name.split('/')[0] ?? '';
  if (!name.includes('/') || !(/[.:[]/.test(first) || first === 'localhost'))
    throw failure('MF3251', `the image \`${name}\` is to be pushed, and its name has no registry`, {
      hint: `Name it with the registry in front, such as \`ghcr.io/acme/${name}\`, or \`docker.io/acme/${name}\` for Docker Hub.`,
    });
  return parseImageReference(name).repository;
}

function mountable(reference: string): readonly string[] {
  try {
    return [parseImageReference(reference).repository];
  } catch {
    // A base that is no image, such as one made of this machine.
    return [];
  }
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
