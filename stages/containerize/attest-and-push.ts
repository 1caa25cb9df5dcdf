import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact, FactsOf, ProcessRunner, Secret } from '../../core/index.ts';
import type { BundleManifest } from '../../core/serve/index.ts';
import type { EvalReport, ServingBundle } from '../kinds.ts';
import { attest, keepAttestations } from './attest/attest.ts';
import { buildPlace } from './attest/build-place.ts';
import type { Material } from './attest/provenance.ts';
import { signingKey } from './attest/signature.ts';
import type { BuiltImage } from './image.ts';
import { type PushContext, pushImage, registryName } from './push.ts';

interface BuildOptions {
  readonly builder?: 'oci' | { readonly docker: string } | undefined;
  readonly dockerfile?: { readonly path: string } | undefined;
  readonly push: boolean;
  readonly signWith?: Secret | undefined;
}

export interface FinishedBuild {
  readonly built: BuiltImage;
  readonly model: Artifact<typeof ServingBundle>;
  readonly manifest: BundleManifest;
  readonly evaluation: FactsOf<typeof EvalReport> | undefined;
  readonly options: BuildOptions;
  readonly tools: Readonly<Record<string, string>>;
}

/** What would fail at the end fails before anything is built: MF3251 for a name without a registry, MF3250 for a key that is none. */
export function checkRelease({ name, push, signWith }: BuildOptions & { readonly name: string }): void {
  if (push) registryName(name);
  if (signWith !== undefined) signingKey(signWith.reveal());
}

/** Writes what there is to say about the image into `attestations/` of its artifact and, where it is to be pushed, sends both. */
export async function attestAndPush(
  out: string,
  { built, model, manifest, evaluation, options, tools }: FinishedBuild,
  context: PushContext & { readonly process: ProcessRunner },
): Promise<{ readonly pushed?: string }> {
  const { push, signWith, builder, dockerfile, ...shaping } = options;
  // Where an engine or a file lies on this machine is nobody else's business.
  const how = { ...shaping, builder: dockerfile || (builder && builder !== 'oci') ? 'docker' : 'oci' };
  const oci = join(out, 'oci');
  const attestationsFor = await attest({
    image: built,
    oci,
    model: { bundle: manifest, evaluation },
    isHostBase: built.base.reference === 'host',
    options: how,
    materials: [artifactMaterial(model), baseMaterial(built.base), ...(dockerfile ? [await fileMaterial(dockerfile.path)] : [])],
    tools,
    key: signWith && signingKey(signWith.reveal()),
    signal: context.signal,
  });
  await keepAttestations(join(out, 'attestations'), attestationsFor());
  if (!push) return {};
  const { name, tag, digest, base } = built;
  const attestations = attestationsFor(await buildPlace(context.process, process.env));
  const { reference } = await pushImage({ name, tag, digest, baseReference: base.reference, oci, attestations }, context);
  return { pushed: reference };
}

function artifactMaterial({ kind, digest }: Artifact): Material {
  return { uri: `urn:modelflow:artifact:${kind}`, digest: { sha256: digest } };
}

function baseMaterial({ reference, digest }: BuiltImage['base']): Material {
  const uri = reference === 'host' ? 'urn:modelflow:base:host' : `oci://${reference}`;
  return { uri, digest: { sha256: digest.replace(/^sha256:/, '') } };
}

async function fileMaterial(path: string): Promise<Material> {
  return {
    uri: 'urn:modelflow:dockerfile',
    digest: {
      sha256: createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    },
  };
}
