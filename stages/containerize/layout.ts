import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layer } from './layer.ts';

/** What an image does when it is run, as both the OCI configuration and a Dockerfile say it. */
export interface ImageConfig {
  readonly architecture: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly workingFolder: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly healthCheck: readonly string[];
}

export const healthTimes = { intervalSeconds: 10, timeoutSeconds: 5, startPeriodSeconds: 60, retries: 3 } as const;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const nanoseconds = 1_000_000_000;

/**
 * Writes configuration, manifest and index around layers that lie in `blobs/sha256` of `oci` already, and `manifest.json`, which `docker load`
 * before version 25 reads. Nothing in it depends on time or place.
 */
export async function writeLayout(
  oci: string,
  image: {
    /** Or the bytes of a configuration that another has made. */
    readonly config: ImageConfig | Buffer;
    readonly layers: readonly Layer[];
    readonly name: string;
    readonly tag?: string | undefined;
  },
): Promise<{ readonly digest: string; readonly configDigest: string; readonly tag: string }> {
  const blobs = join(oci, 'blobs', 'sha256');
  const bytes = Buffer.isBuffer(image.config) ? image.config : Buffer.from(JSON.stringify(configOf(image.config, image.layers)));
  const config = await addBlob(blobs, 'application/vnd.oci.image.config.v1+json', bytes);
  const { architecture, config: itsConfig } = JSON.parse(bytes.toString('utf8')) as {
    readonly architecture: string;
    readonly config?: { readonly Labels?: Readonly<Record<string, string>> | null };
  };
  const manifest = await addBlob(
    blobs,
    manifestType,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config,
        layers: image.layers.map(({ mediaType, digest, sizeBytes }) => ({ mediaType, digest, size: sizeBytes })),
        annotations: itsConfig?.Labels ?? {},
      }),
    ),
  );
  const tag = image.tag ?? manifest.digest.slice('sha256:'.length, 'sha256:'.length + 12);
  const pathOf = (digest: string): string => `blobs/${digest.replace(':', '/')}`;
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        ...manifest,
        platform: { architecture, os: 'linux' },
        annotations: { 'org.opencontainers.image.ref.name': tag, 'io.containerd.image.name': `${image.name}:${tag}` },
      },
    ],
  };
  await writeFile(join(oci, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(oci, 'index.json'), JSON.stringify(index));
  const forDocker = {
    Config: pathOf(config.digest),
    RepoTags: [`${image.name}:${tag}`],
    Layers: image.layers.map(({ digest }) => pathOf(digest)),
  };
  await writeFile(join(oci, 'manifest.json'), JSON.stringify([forDocker]));
  return { digest: manifest.digest, configDigest: config.digest, tag };
}

function configOf(config: ImageConfig, layers: readonly Layer[]): unknown {
  const { intervalSeconds, timeoutSeconds, startPeriodSeconds, retries } = healthTimes;
  return {
    architecture: config.architecture,
    os: 'linux',
    // The time of the build would make every build another image.
    created: '1970-01-01T00:00:00Z',
    config: {
      User: config.user,
      ExposedPorts: { [`${config.port}/tcp`]: {} },
      Env: Object.entries(config.env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: config.entrypoint,
      Cmd: config.command,
      WorkingDir: config.workingFolder,
      Labels: config.labels,
      StopSignal: 'SIGTERM',
      Healthcheck: {
        Test: ['CMD', ...config.healthCheck],
        Interval: intervalSeconds * nanoseconds,
        Timeout: timeoutSeconds * nanoseconds,
        StartPeriod: startPeriodSeconds * nanoseconds,
        Retries: retries,
      },
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ role }) => ({ created: '1970-01-01T00:00:00Z', created_by: `modelflow: ${role}` })),
  };
}

async function addBlob(blobs: string, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const hex = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(blobs, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
