import type { LayerRole } from './layer.ts';
import { healthTimes, type ImageConfig } from './layout.ts';

interface LayerFile {
  readonly role: LayerRole;
  readonly digest: string;
}

/** Names of the build arguments that say which file of the context is which layer. */
const layerArguments: Readonly<Record<LayerRole, string>> = { base: 'BASE', runtime: 'RUNTIME', app: 'APP', model: 'MODEL' };

interface Pinned {
  readonly reference: string;
  readonly digest: string;
}

/** What a build of the Dockerfile is given, so that a Dockerfile that was kept fits every model. */
export function buildArguments(layers: readonly LayerFile[], isHostBase: boolean): Readonly<Record<string, string>> {
  const own = layers.filter(({ role }) => role !== 'base' || isHostBase);
  return Object.fromEntries(own.map(({ role, digest }) => [layerArguments[role], blobPath(digest)]));
}

/** The same image as a Dockerfile, whose context is the artifact. Every build engine unpacks the tars and keeps owners, modes and times. */
export function renderDockerfile(
  config: ImageConfig,
  { base, layers }: { readonly base: Pinned; readonly layers: readonly LayerFile[] },
): string {
  const isHostBase = base.reference === 'host';
  const args = buildArguments(layers, isHostBase);
  const add = (name: string): string => `ARG ${name}=${args[name]}\nADD \${${name}} /`;
  const from = isHostBase
    ? `# Node and the C library of the machine that built this.\nFROM scratch AS base\n${add('BASE')}`
    : `FROM ${pinned(base)} AS base`;
  const { intervalSeconds, timeoutSeconds, startPeriodSeconds, retries } = healthTimes;
  return `# The image that modelflow builds, as a Dockerfile. Keep it and change it: containerize({ …, dockerfile: file('./Dockerfile') }) builds yours,
# and gives each build the layers of its model as arguments. As it is, \`docker build .\` in this folder builds this very image.

${from}

# onnxruntime, for one platform.
FROM base AS runtime
${add('RUNTIME')}

# The server, then the model: what changes most often comes last.
FROM runtime
${add('APP')}
${add('MODEL')}

WORKDIR ${config.workingFolder}
${Object.entries(config.env)
  .map(([name, value]) => `ENV ${name}=${quoted(value)}`)
  .join('\n')}
EXPOSE ${config.port}
${Object.entries(config.labels)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, value]) => `LABEL ${quoted(name)}=${quoted(value)}`)
  .join('\n')}
HEALTHCHECK --interval=${intervalSeconds}s --timeout=${timeoutSeconds}s --start-period=${startPeriodSeconds}s --retries=${retries} \\
  CMD ${JSON.stringify(config.healthCheck)}
STOPSIGNAL SIGTERM
# Nobody, by number: so it can be checked that it is not root.
USER ${config.user}
ENTRYPOINT ${JSON.stringify(config.entrypoint)}
CMD ${JSON.stringify(config.command)}
`;
}

/** Only what the Dockerfile adds is sent to the engine. */
export function renderIgnore(layers: readonly LayerFile[], isHostBase: boolean): string {
  const added = Object.values(buildArguments(layers, isHostBase)).map((path) => `!${path}`);
  return `${['# Only the layers that the Dockerfile adds.', '*', ...added].join('\n')}\n`;
}

function blobPath(digest: string): string {
  return `oci/blobs/${digest.replace(':', '/')}`;
}

function pinned({ reference, digest }: Pinned): string {
  return `${reference}@${digest}`;
}

/** As a Dockerfile reads it: variables and quotes are text. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"$]/g, '\\$&')}"`;
}
