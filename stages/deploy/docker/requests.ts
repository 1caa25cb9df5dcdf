import { isSecret } from '../../../core/index.ts';
import type { ContainerRequest } from '../../lib/docker.ts';
import { adminPort, aliasOf, label, networkName, releaseName, routerName, routerPort, shortHash, tableFile, tableFolder } from './names.ts';
import { bytesOf, type DockerSettings } from './settings.ts';

/** What a container needs to know of the image it runs. */
export interface ImageSeen {
  /** The tag or id by which the engine has it. */
  readonly reference: string;
  readonly port: number;
  readonly user: string | undefined;
}

export interface ReleaseGiven {
  readonly service: string;
  readonly stamp: string;
  readonly revision: number;
  readonly replica: number;
  readonly image: ImageSeen;
  readonly settings: DockerSettings;
  /** As the labels are to show them: secrets by name. */
  readonly shown: string;
  /** The values of `env`, with those of secrets. */
  readonly environment: Readonly<Record<string, string>>;
}

/** No more rights than a model server needs; every default of the engine that is wider is closed. */
function hardened(pids: number, temporary: string): NonNullable<ContainerRequest['HostConfig']> {
  return {
    // Signals and children that are gone are handled from the first moment, which a program that is process 1 cannot do.
    Init: true,
    ReadonlyRootfs: true,
    Tmpfs: { '/tmp': `rw,noexec,nosuid,nodev,size=${temporary},mode=1777` },
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    PidsLimit: pids,
  };
}

function logConfig({ log }: DockerSettings): { readonly LogConfig: { Type: string; Config: Record<string, string> } } {
  return { LogConfig: { Type: log.driver, Config: { ...log.options } } };
}

/** Without a restart policy until it has been ready once: the first exit is then the last, with its reason still there. */
export function releaseRequest(given: ReleaseGiven): ContainerRequest {
  const { service, stamp, revision, replica, image, settings, shown, environment } = given;
  const memory = settings.memory === undefined ? {} : { Memory: bytesOf(settings.memory), MemorySwap: bytesOf(settings.memory) };
  const user = settings.user ?? image.user;
  return {
    name: releaseName(service, stamp, replica),
    Image: image.reference,
    ...(user === undefined ? {} : { User: user }),
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    Labels: {
      ...settings.labels,
      [label.service]: service,
      [label.role]: 'release',
      [label.stamp]: stamp,
      [label.revision]: String(revision),
      [label.replica]: String(replica),
      [label.port]: String(image.port),
      [label.settings]: shown,
    },
    ...(settings.healthcheck ? {} : { Healthcheck: { Test: ['NONE'] } }),
    StopTimeout: Math.ceil(settings.drainTimeoutMs / 1000),
    HostConfig: {
      ...hardened(settings.pids, settings.temporary),
      ...memory,
      ...(settings.cpus === undefined ? {} : { NanoCpus: Math.round(settings.cpus * 1e9) }),
      ...logConfig(settings),
      NetworkMode: networkName(service),
      RestartPolicy: { Name: '' },
      Binds: settings.volumes.map(({ source, target, readOnly }) => `${source}:${target}${readOnly ? ':ro' : ''}`),
      ...(settings.gpus === undefined ? {} : { DeviceRequests: [gpuRequest(settings.gpus)] }),
    },
    NetworkingConfig: { EndpointsConfig: { [networkName(service)]: { Aliases: [aliasOf(stamp, replica)] } } },
  };
}

function gpuRequest(gpus: number | 'all'): { Driver: string; Count: number; Capabilities: string[][] } {
  return { Driver: '', Count: gpus === 'all' ? -1 : gpus, Capabilities: [['gpu']] };
}

/** What a router is made with, as one word: another one is made only when this differs. */
export function routerMade(service: string, settings: DockerSettings): string {
  const { host, port, networks, log } = settings;
  return shortHash(JSON.stringify({ service, host, port, networks, log }));
}

export function routerRequest(
  service: string,
  settings: DockerSettings,
  image: { readonly reference: string; readonly user: string },
  publishedPort: number,
): ContainerRequest {
  const made = routerMade(service, settings);
  const name = routerName(service, made);
  const port = `${routerPort}/tcp`;
  const [inside, admin] = [
    ['--host', '0.0.0.0', '--port', String(routerPort)],
    ['--admin-host', '127.0.0.1', '--admin-port', String(adminPort)],
  ];
  return {
    name,
    Image: image.reference,
    User: image.user,
    Cmd: ['serve', ...inside, ...admin, '--table', `${tableFolder}/${tableFile}`],
    Labels: {
      ...settings.labels,
      [label.service]: service,
      [label.role]: 'router',
      [label.made]: made,
      [label.published]: String(publishedPort),
    },
    ExposedPorts: { [port]: {} },
    StopTimeout: Math.ceil(settings.drainTimeoutMs / 1000),
    HostConfig: {
      ...hardened(128, '16m'),
      ...logConfig(settings),
      NetworkMode: networkName(service),
      RestartPolicy: { Name: 'unless-stopped' },
      PortBindings: { [port]: [{ HostIp: settings.host, HostPort: publishedPort === 0 ? '' : String(publishedPort) }] },
      Mounts: [{ Type: 'volume', Source: name, Target: tableFolder, VolumeOptions: volumeOptions(service) }],
    },
    NetworkingConfig: { EndpointsConfig: { [networkName(service)]: {} } },
  };
}

function volumeOptions(service: string): {
  NoCopy: boolean;
  Labels: Record<string, string>;
  DriverConfig: { Name: string; Options: Record<string, string> };
} {
  return { NoCopy: false, Labels: { [label.service]: service }, DriverConfig: { Name: 'local', Options: {} } };
}

/** The values that a container gets, those of secrets read now. */
export function environmentOf(env: DockerSettings['env']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, isSecret(value) ? value.reveal() : value]));
}
