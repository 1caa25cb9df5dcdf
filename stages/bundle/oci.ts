import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A file of the bundle, and what it is to somebody who pulls it: weights, or what is needed to read them. */
export interface BundleFile {
  /** Relative to the bundle, with forward slashes. */
  readonly path: string;
  readonly role: 'weight' | 'weight.config';
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/**
 * Writes the files of a bundle once more as an OCI image layout (image-spec 1.1) in `oci/`: a CNCF ModelPack artifact, whose raw layers keep
 * the digests of the files. Nothing in it depends on time or place. Returns the digest of the manifest, `sha256:…`.
 * Format: https://github.com/modelpack/model-spec (docs/spec.md, docs/config.md)
 */
export async function writeOciLayout(
  folder: string,
  files: readonly BundleFile[],
  model: { readonly name: string; readonly precision: string },
): Promise<string> {
  const oci = join(folder, 'oci');
  const blobs = join(oci, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const layers: Descriptor[] = [];
  for (const file of files) layers.push(await addFile(blobs, folder, file));
  const config = await addJson(blobs, 'application/vnd.cncf.model.config.v1+json', {
    descriptor: { name: model.name },
    // `mixed` is no precision of the specification; the layer bundle.json says more.
    config: { format: 'onnx', ...(model.precision === 'mixed' ? {} : { precision: model.precision }) },
    modelfs: { type: 'layers', diffIds: layers.map(({ digest }) => digest) },
  });
  const manifest = await addJson(blobs, manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: 'application/vnd.cncf.model.manifest.v1+json',
    config,
    layers,
    annotations: { 'org.opencontainers.image.title': model.name },
  });
  await writeFile(join(oci, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }],
  };
  await writeFile(join(oci, 'index.json'), JSON.stringify(index));
  return manifest.digest;
}

async function addFile(blobs: string, folder: string, { path, role }: BundleFile): Promise<Descriptor> {
  const source = join(folder, path);
  const hash = createHash('sha256');
  await pipeline(createReadStream(source), hash);
  const hex = hash.digest('hex');
  await copyFile(source, join(blobs, hex), constants.COPYFILE_FICLONE);
  return {
    mediaType: `application/vnd.cncf.model.${role}.v1.raw`,
    digest: `sha256:${hex}`,
    size: (await stat(source)).size,
    annotations: { 'org.cncf.model.filepath': path, 'org.opencontainers.image.title': path },
  };
}

async function addJson(blobs: string, mediaType: string, content: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(content));
  const hex = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(blobs, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
