import { type DesiredService, failure, isSecret, type RenderedFile, type RenderGiven } from '../../../core/index.ts';
import type { OciImage } from '../../kinds.ts';
import { oneDocument } from '../../lib/yaml.ts';
import { networkName } from './names.ts';
import type { DockerContext, DockerSettings } from './settings.ts';

export const renderFormats = ['compose'] as const;

/** The release as a Compose file, with the same rights and limits. There is no router in it: Compose itself replaces the container, with a gap. */
export async function renderService(
  ctx: DockerContext,
  want: DesiredService<typeof OciImage>,
  _format: string,
  { profile, image }: RenderGiven,
): Promise<readonly RenderedFile[] | undefined> {
  const { settings } = ctx;
  const first = want.revisions.toSorted((one, other) => other.weight - one.weight)[0];
  if (first === undefined) return undefined;
  if (settings.replicas > 1)
    throw failure('MF5001', `a Compose file of ${want.service} would need one port for ${settings.replicas} containers`, {
      hint: 'Set `replicas: 1` for this profile: only the target itself runs the router that shares a port.',
    });
  const { name, tag, pushed, port, user } = first.what.facts;
  const reference = image ?? pushed ?? `${name}:${tag}`;
  const notes = [
    `The service ${want.service} of the profile ${profile}, release ${first.stamp.slice(0, 12)}.`,
    ...(image === undefined && pushed === undefined ? [`The image was not pushed: the engine must have it as ${reference}.`] : []),
    ...secretsOf(settings).map((each) => `Set ${each} in the environment of docker compose.`),
  ];
  const content = {
    services: { [want.service]: serviceOf(settings, { reference, port, user, labels: settings.labels }) },
    networks: {
      default: { name: networkName(want.service) },
      ...Object.fromEntries(settings.networks.map((each) => [each, { external: true }])),
    },
    ...volumesOf(settings),
  };
  return [{ path: 'compose.yaml', text: await oneDocument(content, notes) }];
}

function serviceOf(
  settings: DockerSettings,
  { reference, port, user, labels }: { readonly reference: string; readonly port: number; readonly user: string; readonly labels: object },
): object {
  const { host, restart, pids, temporary, env, volumes, networks, log, cpus, memory, gpus, healthcheck, drainTimeoutMs } = settings;
  return {
    image: reference,
    user: settings.user ?? user,
    init: true,
    read_only: true,
    tmpfs: [`/tmp:rw,noexec,nosuid,nodev,size=${temporary},mode=1777`],
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges'],
    pids_limit: pids,
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { mem_limit: memory, memswap_limit: memory }),
    restart,
    stop_grace_period: `${Math.ceil(drainTimeoutMs / 1000)}s`,
    ports: [`${host.includes(':') ? `[${host}]` : host}:${settings.port === 0 ? '' : settings.port}:${port}`],
    environment: Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, isSecret(value) ? required(value.secret) : literal(value)]),
    ),
    volumes: volumes.map(({ source, target, readOnly }) => `${source}:${target}${readOnly ? ':ro' : ''}`),
    networks: ['default', ...networks],
    labels,
    logging: { driver: log.driver, options: log.options },
    ...(healthcheck ? {} : { healthcheck: { disable: true } }),
    ...(gpus === undefined
      ? {}
      : { deploy: { resources: { reservations: { devices: [{ driver: 'nvidia', count: gpus, capabilities: ['gpu'] }] } } } }),
  };
}

/** Compose stops with this message where the variable is not set: better than a server without its secret. */
function required(name: string): string {
  return `\${${name}:?set the secret ${name}}`;
}

/** A dollar sign begins a variable in Compose. */
function literal(value: string): string {
  return value.replaceAll('$', '$$$$');
}

function volumesOf({ volumes }: DockerSettings): object {
  const named = volumes.map(({ source }) => source).filter((source) => !/^[./~]/.test(source));
  return named.length === 0 ? {} : { volumes: Object.fromEntries(named.map((each) => [each, { external: true }])) };
}

function secretsOf({ env }: DockerSettings): readonly string[] {
  return Object.values(env).flatMap((value) => (isSecret(value) ? [value.secret] : []));
}
