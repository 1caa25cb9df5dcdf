import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../core/index.ts';
import { type Base, openBase } from './base.ts';
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

/** Builds an image without a daemon, as an OCI layout in `oci`. The same spec on the same base gives the same digest anywhere. */
export async function buildImage(
  oci: string,
  spec: ImageSpec,
  context: { readonly signal: AbortSignal; readonly log: Log },
): Promise<BuiltImage> {
  const blobs = join(oci, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const { signal, log } = context;
  log.progress(0, 'base');
  const base = await openBase(spec.base, spec.architecture, { blobs, signal, log });
  const own: Layer[] = [];
  for (const [role, entries] of await spec.layers(base)) {
    log.progress((1 + own.length) / 5, role);
    own.push(await buildLayer(role, entries, { blobs, signal }));
  }
  const layers = [...base.layers, ...own];
  const config = spec.config(base);
  const written = await writeLayout(oci, { config, layers, name: spec.name, tag: spec.tag });
  const sum = (of: (layer: Layer) => number): number => layers.reduce((total, layer) => total + of(layer), 0);
  return {
    name: spec.name,
    ...written,
    platform: `linux/${config.architecture}`,
    base: { reference: base.reference, digest: base.digest },
    layers: layers.map(({ role, digest, diffId, sizeBytes }) => ({ role, digest, diffId, sizeBytes })),
    sizeBytes: sum((layer) => layer.sizeBytes),
    unpackedBytes: sum((layer) => layer.unpackedBytes),
  };
}
