import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheFolderIfAny, failure, type Log, openRegistry, parseImageReference } from '../../core/index.ts';
import { examineBase } from './base-contents.ts';
import { byVersion } from './elf.ts';
import type { LayerEntry } from './entry.ts';
import { type Architecture, hostBase, hostParts, ownArchitecture } from './host-base.ts';
import { buildLayer, type Layer } from './layer.ts';
import { runtimeWantsLibc } from './programs.ts';

/** What an image is built on: its layers, and where Node lies. */
export interface Base {
  readonly reference: string;
  readonly digest: string;
  readonly layers: readonly Layer[];
  readonly env: Readonly<Record<string, string>>;
  /** Path in the image. */
  readonly node: string;
  /** What the base lacks, for the layer above it. */
  readonly parts: readonly LayerEntry[];
  readonly architecture: Architecture;
}

interface BaseContext {
  /** Where the blobs of the image lie. */
  readonly blobs: string;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** `host`, or a reference that is pulled. MF3211 to MF3214 say why it will not do. */
export function openBase(reference: string, architecture: Architecture | undefined, context: BaseContext): Promise<Base> {
  return reference === 'host' ? openHostBase(architecture, context) : pullBase(reference, architecture, context);
}

async function openHostBase(wanted: Architecture | undefined, { blobs, signal }: BaseContext): Promise<Base> {
  const architecture = ownArchitecture();
  if (architecture === undefined || (wanted !== undefined && wanted !== architecture)) {
    throw failure(
      'MF3211',
      `An image for ${wanted ?? process.arch} cannot be made of the Node that runs here, which is for ${process.arch}`,
      {
        hint: "Name an image to build on instead, such as `base: 'node:24-slim'`.",
      },
    );
  }
  const layer = await buildLayer('base', await hostBase(), { blobs, signal });
  return { reference: 'host', digest: layer.diffId, layers: [layer], env: {}, node: '/usr/local/bin/node', parts: [], architecture };
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly mediaType: string; readonly digest: string; readonly size: number }[];
}

interface Config {
  readonly architecture?: string;
  readonly os?: string;
  readonly config?: { readonly Env?: readonly string[] };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

async function pullBase(reference: string, wanted: Architecture | undefined, { blobs, signal, log }: BaseContext): Promise<Base> {
  const architecture = wanted ?? ownArchitecture() ?? 'amd64';
  const named = parseImageReference(reference);
  const cacheFolder = cacheFolderIfAny('blobs');
  const registry = await openRegistry({ repository: named.repository, signal, log, ...(cacheFolder === undefined ? {} : { cacheFolder }) });
  const scratch = join(blobs, '.base');
  try {
    await mkdir(scratch, { recursive: true });
    const pulled = await registry.pull(named.digest ?? named.tag ?? 'latest', `linux/${architecture}`, scratch);
    if (named.digest === undefined) {
      const pinned = `${reference}@${pulled.indexDigest}`;
      log.warn(`the base ${reference} may be another image tomorrow, and nobody would notice: pin it as \`${pinned}\``);
    }
    const json = async (digest: string): Promise<unknown> => JSON.parse(await readFile(blobIn(scratch, digest), 'utf8'));
    const manifest = (await json(pulled.digest)) as Manifest;
    const config = (await json(manifest.config.digest)) as Config;
    if (config.os !== 'linux' || config.architecture !== architecture) {
      throw failure(
        'MF3214',
        `The base ${reference} is for ${config.os}/${config.architecture}, and the image is for linux/${architecture}`,
        {
          hint: 'Choose another base, or set `platform` to what the base is for.',
        },
      );
    }
    const env = Object.fromEntries((config.config?.Env ?? []).map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]));
    const files = manifest.layers.map(({ digest, mediaType }) => ({ path: blobIn(scratch, digest), mediaType }));
    const found = await examineBase(files, { scratch, env, reference });
    const wantsLibc = await runtimeWantsLibc(architecture);
    if (byVersion(wantsLibc, found.libc ?? '0') > 0) {
      throw failure('MF3212', `The base ${reference} has version ${found.libc} of the GNU C library, and onnxruntime needs ${wantsLibc}`, {
        hint: "Use a newer base, such as `node:24-slim`, or `base: 'host'`.",
      });
    }
    const parts = await hostParts(found, { reference, architecture });
    const layers = manifest.layers.map((layer, at) => ({
      role: 'base' as const,
      mediaType: ociLayerType(layer.mediaType),
      digest: layer.digest,
      diffId: config.rootfs.diff_ids[at] ?? '',
      sizeBytes: layer.size,
      unpackedBytes: found.layerBytes[at] ?? 0,
    }));
    for (const { path } of files) await rename(path, join(blobs, basename(path)));
    const node = found.node ?? '/app/lib/node';
    const shown = named.digest === undefined ? reference : named.repository + (named.tag === undefined ? '' : `:${named.tag}`);
    return { reference: shown, digest: pulled.indexDigest, layers, env, node, parts, architecture };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function blobIn(layout: string, digest: string): string {
  return join(layout, 'blobs', ...digest.split(':'));
}

/** Docker's names for the same formats do not belong in an OCI manifest. */
function ociLayerType(mediaType: string): string {
  return mediaType.startsWith('application/vnd.docker.image.rootfs.') ? 'application/vnd.oci.image.layer.v1.tar+gzip' : mediaType;
}
