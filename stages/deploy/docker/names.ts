import { createHash } from 'node:crypto';

/** Labels are all that is remembered of a service: any machine that reaches the engine reads them. */
export const label = {
  service: 'modelflow.service',
  role: 'modelflow.role',
  stamp: 'modelflow.stamp',
  revision: 'modelflow.revision',
  replica: 'modelflow.replica',
  settings: 'modelflow.settings',
  /** Where a release listens inside its container. */
  port: 'modelflow.port',
  /** Of a router: what it was made with, and the port of the machine that it holds. */
  made: 'modelflow.made',
  published: 'modelflow.published',
} as const;

export type Role = 'router' | 'release';

/** Ports of the router inside its container, and where its table lies. */
export const routerPort = 8080;
export const adminPort = 9090;
export const tableFolder = '/state';
export const tableFile = 'table.json';

export function networkName(service: string): string {
  return `modelflow-${service}`;
}

export function releaseName(service: string, stamp: string, replica: number): string {
  return `modelflow-${service}-${stamp.slice(0, 12)}-${replica}`;
}

/** One for each way of making it: the next can be brought up beside the one that is there. */
export function routerName(service: string, made: string): string {
  return `modelflow-${service}-router-${made.slice(0, 8)}`;
}

/** By which the router reaches a container: it stays right when the engine gives out other addresses. */
export function aliasOf(stamp: string, replica: number): string {
  return `r${stamp.slice(0, 12)}-${replica}`;
}

/** Repositories are lower case, with separators inside only; a service need not be. */
export function repositoryOf(service: string): string {
  const isPlain = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(service);
  return `modelflow/${isPlain ? service : `service-${shortHash(service)}`}`;
}

/** Begins with the number of the revision, which tells the order in which releases came. */
export function tagOf(service: string, revision: number, stamp: string): string {
  return `${repositoryOf(service)}:${revision}-${stamp.slice(0, 12)}`;
}

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
