import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artifact, defineStage, failure, file, optional, secretText, z } from '../../core/index.ts';
import { BundleManifest, runtimeVersion } from '../../core/serve/index.ts';
import { EvalReport, OciImage, ServingBundle } from '../kinds.ts';
import { attestAndPush, checkRelease } from './attest-and-push.ts';
import type { Base } from './base.ts';
import { filesOf, type LayerEntry } from './entry.ts';
import { hostIdentity } from './host-base.ts';
import { type Builder, buildImage, nonRoot } from './image.ts';
import type { ImageConfig } from './layout.ts';
import { appEntries, environmentOn, packageVersion, programUrl, runtimeEntries } from './programs.ts';

const repository = /^(?:[\w.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;

const options = {
  name: z
    .string()
    .max(200)
    .regex(repository, 'Use lower-case letters, digits, dots, dashes and slashes, with a registry in front if it is to be pushed')
    .describe('repository of the image, without a tag: `ghcr.io/acme/digits`'),
  tag: z
    .string()
    .regex(/^\w[\w.-]{0,127}$/, 'Use letters, digits, dots, dashes and underscores, at most 128')
    .optional()
    .describe('the beginning of the digest unless given, so that a tag never means two images'),
  base: z
    .string()
    .min(1)
    .default('host')
    .describe('what the image is built on: `host` is made of the Node that runs modelflow; or an image, best with its digest'),
  platform: z.enum(['linux/amd64', 'linux/arm64']).optional().describe('of this machine unless given'),
  port: z.int().min(1).max(65_535).default(8080).describe('where the server listens'),
  builder: z
    .union([z.literal('oci'), z.strictObject({ docker: z.union([z.literal('default'), z.string().min(1)]) })])
    .optional()
    .describe(
      "`'oci'` needs no daemon; `{ docker: 'default' }`, or with the address of an engine, has Docker build the same. Unless given, `'oci'`, and Docker for a Dockerfile of yours",
    ),
  dockerfile: file().optional().describe('your Dockerfile instead of the one that modelflow renders into the artifact'),
  labels: z.record(z.string().min(1), z.string()).default({}).describe('more labels, or others than modelflow gives'),
  push: z.boolean().default(false).describe('sends the image, with what is attached to it, to the registry in its name'),
  signWith: secretText().optional().describe('private key in PEM, Ed25519 or ECDSA P-256, that signs the image and what is said about it'),
};

const architectures = { 'linux/amd64': 'amd64', 'linux/arm64': 'arm64' } as const;

/**
 * Wraps a bundle as a container image, without a daemon: base, serving runtime, server and model, each a layer of its own, so that another
 * model is another layer and nothing else. The image runs as a user without rights on a read-only root.
 */
export const containerize = defineStage({
  name: 'containerize',
  version: 1,
  inputs: { model: ServingBundle, evaluation: optional(EvalReport) },
  options,
  output: OciImage,
  code: [programUrl('server'), programUrl('worker'), programUrl('health')],
  tools,
  async run({ inputs: { model, evaluation }, options, out, signal, log, process }) {
    checkRelease(options);
    const manifest = BundleManifest.parse(JSON.parse(await readFile(join(model.path, 'bundle.json'), 'utf8')));
    const built = await buildImage(
      out,
      {
        ...options,
        architecture: options.platform === undefined ? undefined : architectures[options.platform],
        layers: async (base) => [
          [
            'runtime',
            [...base.parts, ...(await runtimeEntries(base.architecture, { images: manifest.processing.input.image !== undefined }))],
          ],
          ['app', await appEntries(['server', 'worker', 'health'], base)],
          ['model', await modelEntries(model)],
        ],
        config: (base) => servingConfig({ ...options, base, manifest }),
      },
      { signal, log, docker: await engineFor(options) },
    );
    const given = { built, model, manifest, evaluation: evaluation?.facts, options, tools: await tools(options) };
    const pushed = await attestAndPush(out, given, { signal, log, process });
    return { ...built, ...pushed, model: { name: manifest.name, precision: manifest.precision } };
  },
});

/** Steps of a Dockerfile can do anything, so only an engine builds one. */
async function engineFor({
  builder,
  dockerfile,
}: {
  readonly builder?: 'oci' | { readonly docker: string } | undefined;
  readonly dockerfile?: { readonly path: string } | undefined;
}): Promise<Builder['docker']> {
  if (builder === 'oci' && dockerfile !== undefined) {
    throw failure('MF3215', `A Dockerfile of yours (${dockerfile.path}) is built by Docker, and the builder is \`oci\``, {
      hint: "Leave `builder` out, or set it to `{ docker: 'default' }`.",
    });
  }
  if (builder === 'oci' || (builder === undefined && dockerfile === undefined)) return undefined;
  const host = builder === undefined || builder.docker === 'default' ? undefined : builder.docker;
  return { engine: { host }, dockerfile: dockerfile && (await readFile(dockerfile.path, 'utf8')) };
}

/** Another Node here is another image when the base is made of it, and not when the base is pulled. */
async function tools({ base }: { readonly base: string }): Promise<Readonly<Record<string, string>>> {
  return {
    'onnxruntime-node': runtimeVersion(),
    sharp: packageVersion('sharp'),
    fflate: packageVersion('fflate'),
    ...(base === 'host' ? await hostIdentity() : {}),
  };
}

function servingConfig({
  port,
  labels,
  base,
  manifest,
}: {
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly base: Base;
  readonly manifest: BundleManifest;
}): ImageConfig {
  return {
    architecture: base.architecture,
    user: nonRoot,
    env: { ...environmentOn(base), ORT_DISABLE_TELEMETRY: '1', PORT: String(port) },
    entrypoint: ['/app/node', '/app/server.js', '--bundle', '/model', '--host', '0.0.0.0'],
    command: [],
    workingFolder: '/app',
    port,
    labels: {
      'org.opencontainers.image.title': manifest.name,
      'org.opencontainers.image.base.name': base.reference,
      'org.opencontainers.image.base.digest': base.digest,
      'modelflow.model.precision': manifest.precision,
      'modelflow.runtime': `${manifest.runtime.name} ${manifest.runtime.version}`,
      ...labels,
    },
    healthCheck: ['/app/node', '/app/health.js'],
  };
}

/** The bundle as it is, but for its own OCI layout, which holds the same bytes once more. */
function modelEntries({ path }: Artifact<typeof ServingBundle>): Promise<readonly LayerEntry[]> {
  return filesOf(path, 'model', (file) => !file.startsWith('oci/'));
}
