import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../core/index.ts';
import { type Base, openBase } from './base.ts';
import { withDockerBuild } from './docker-build.ts';
import { buildArguments, renderDockerfile, renderIgnore } from './dockerfile.ts';
import type { LayerEntry } from './entry.ts';
import type { Architecture } from './host-base.ts';
import { buildLayer, type Layer, type LayerRole } from './layer.ts';
import { type ImageConfig, writeLayout } from './layout.ts';

/** A numeric user, so that `runAsNonRoot` can be checked without reading the image; the number is what distroless images use. */
export const nonRoot = '65532:65532';

/** Everything there is to say about an image that was written as an OCI layout. */
export interface BuiltImage {
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
  readonly configDigest: string;
  readonly platform: string;
  readonly base: { readonly reference: string; readonly digest: string };
  readonly layers: readonly Omit<Layer, 'mediaType' | 'unpackedBytes'>[];
  readonly sizeBytes: number;
  readonly unpackedBytes: number;
  readonly port: number;
  readonly user: string;
}

export interface ImageSpec {
  readonly name: string;
  readonly tag?: string | undefined;
  readonly base: string;
  /** Of this machine unless given. */
  readonly architecture?: Architecture | undefined;
  /** Above the base, bottom first. `base` tells what they have to fit. */
  layers(base: Base): Promise<readonly (readonly [LayerRole, readonly LayerEntry[]])[]>;
  config(base: Base): ImageConfig;
}

/** How an image is put together once its layers are there. */
export interface Builder {
  readonly signal: AbortSignal;
  readonly log: Log;
  /** A Docker engine that builds it instead, out of the same layers. */
  readonly docker?: { readonly engine: { readonly host?: string | undefined }; readonly dockerfile?: string | undefined } | undefined;
}

/** Builds an image without a daemon, as an OCI layout in `oci`. The same spec on the same base gives the same digest anywhere. */
export async function buildLayout(oci: string, spec: ImageSpec, context: Pick<Builder, 'signal' | 'log'>): Promise<BuiltImage> {
  const made = await makeLayers(oci, spec, context);
  return described(spec, made, await writeLayout(oci, { ...made, name: spec.name, tag: spec.tag }));
}

/** The same in `out/oci`, with the Dockerfile beside it that gives the same; or built by an engine from that Dockerfile, or another. */
export async function buildImage(out: string, spec: ImageSpec, builder: Builder): Promise<BuiltImage> {
  const oci = join(out, 'oci');
  const made = await makeLayers(oci, spec, builder);
  const dockerfile = await writeDockerfile(out, made);
  if (builder.docker === undefined) return described(spec, made, await writeLayout(oci, { ...made, name: spec.name, tag: spec.tag }));
  return builtByDocker({ oci, spec, made, dockerfile: builder.docker.dockerfile ?? dockerfile, engine: builder.docker.engine }, builder);
}

async function makeLayers(oci: string, spec: ImageSpec, { signal, log }: Pick<Builder, 'signal' | 'log'>): Promise<Made> {
  const blobs = join(oci, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  log.progress(0, 'base');
  const base = await openBase(spec.base, spec.architecture, { blobs, signal, log });
  const own: Layer[] = [];
  for (const [role, entries] of await spec.layers(base)) {
    log.progress((1 + own.length) / 5, role);
    own.push(await buildLayer(role, entries, { blobs, signal }));
  }
  return { base, config: spec.config(base), layers: [...base.layers, ...own] };
}

interface Made {
  readonly base: Base;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
}

function described({ name }: ImageSpec, { base, config, layers }: Made, written: Awaited<ReturnType<typeof writeLayout>>): BuiltImage {
  const sum = (of: (layer: Layer) => number): number => layers.reduce((total, layer) => total + of(layer), 0);
  return {
    name,
    ...written,
    platform: `linux/${config.architecture}`,
    base: { reference: base.reference, digest: base.digest },
    layers: layers.map(({ role, digest, diffId, sizeBytes }) => ({ role, digest, diffId, sizeBytes })),
    sizeBytes: sum((layer) => layer.sizeBytes),
    unpackedBytes: sum((layer) => layer.unpackedBytes),
    port: config.port,
    user: config.user,
  };
}

async function writeDockerfile(out: string, { config, base, layers }: Made): Promise<string> {
  const text = renderDockerfile(config, { base, layers });
  await writeFile(join(out, 'Dockerfile'), text);
  await writeFile(join(out, '.dockerignore'), renderIgnore(layers, base.reference === 'host'));
  return text;
}

/** The layers go to the engine as files of the context; what it makes of them takes their place in the layout. */
async function builtByDocker(
  given: {
    readonly oci: string;
    readonly spec: ImageSpec;
    readonly made: Made;
    readonly dockerfile: string;
    readonly engine: { readonly host?: string | undefined };
  },
  { signal, log }: Builder,
): Promise<BuiltImage> {
  const { oci, spec, made, dockerfile, engine } = given;
  const args = buildArguments(made.layers, made.base.reference === 'host');
  const files = new Map(Object.values(args).map((path) => [path, join(oci, '..', path)]));
  const blobs = join(oci, 'blobs', 'sha256');
  const build = { engine, dockerfile, files, args, architecture: made.config.architecture, blobs, signal, log };
  return withDockerBuild(build, async ({ layers, config, tag }) => {
    const written = await writeLayout(oci, { config, layers, name: spec.name, tag: spec.tag });
    await tag(spec.name, written.tag);
    return { ...described(spec, { ...made, layers }, written), user: userOf(config, log) };
  });
}

/** Whoever writes a Dockerfile may forget the user, and then the server is root. */
function userOf(config: Buffer, log: Log): string {
  const { config: its } = JSON.parse(config.toString('utf8')) as { readonly config?: { readonly User?: string } };
  const user = its?.User || '0:0';
  if (/^(0|root)(:|$)/.test(user)) log.warn(`the Dockerfile runs the server as root: end it with \`USER ${nonRoot}\``);
  return user;
}
