import { createHash } from 'node:crypto';
import { z } from '../../../core/index.ts';

/** Raised when a supervisor of another version could no longer be talked to. */
export const protocolVersion = 1;

export const LocalSettings = z.object({
  port: z.int(),
  host: z.string(),
  processes: z.int(),
  readyTimeoutMs: z.int(),
  keep: z.int(),
});
/** The settings of the local target. `port` 0 is any free one, which the service then keeps. */
export type LocalSettings = z.output<typeof LocalSettings>;

export const ServerRuntime = z.object({
  /** The Node that runs the server. */
  node: z.string(),
  /** The server's main file. */
  entry: z.string(),
});
/** What a release is run with: the code of the CLI that deployed it, not of the one that once started the supervisor. */
export type ServerRuntime = z.output<typeof ServerRuntime>;

export const Release = z.object({
  revision: z.int().positive(),
  stamp: z.string(),
  /** Folder under `releases/`. */
  folder: z.string(),
  settings: LocalSettings,
  runtime: ServerRuntime,
  /** The port that is listened on; differs from the setting only when that is 0. */
  boundPort: z.int(),
});
/** One release of the service as it runs or would run. */
export type Release = z.output<typeof Release>;

export const ServiceState = z.object({
  format: z.literal(1),
  service: z.string(),
  nextRevision: z.int().positive(),
  current: Release.optional(),
});
/** `service.json`: what the supervisor keeps alive; a new supervisor goes on from it. */
export type ServiceState = z.output<typeof ServiceState>;

/** What `apply` wants: this bundle, under this stamp, with these settings. */
export interface Want {
  readonly stamp: string;
  readonly bundle: string;
  readonly settings: LocalSettings;
  readonly runtime: ServerRuntime;
}

export type Request =
  | { readonly do: 'status' }
  | { readonly do: 'apply'; readonly want: Want; readonly token: string }
  | { readonly do: 'stop' };

export type ReleaseHealth = 'ready' | 'starting' | 'failing' | 'stopped';

/** What a supervisor says of its service. */
export interface Status {
  readonly protocol: number;
  readonly service: string;
  readonly current: Release | undefined;
  readonly health: ReleaseHealth;
  /** Pids of the server processes that take requests. */
  readonly serving: readonly number[];
  /** Pids of the ones that finish what they have. */
  readonly draining: readonly number[];
}

/** Lines that come back: any number of `log`, then one `ok` or `failed`. */
export type Reply =
  | { readonly log: string }
  | { readonly ok: Status }
  | { readonly failed: { readonly code: string; readonly message: string; readonly hint?: string; readonly detail?: readonly string[] } };

/** Names what is deployed, and how; whether it feels well is no part of it, so that a crash and its repair do not count as a change. */
export function tokenOf(current: Release | undefined): string {
  const what = current === undefined ? null : [current.revision, current.stamp, current.boundPort, Object.entries(current.settings).sort()];
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 16);
}

/** Where the service is called; a wildcard address is reached over the loopback. */
export function urlOf(release: Release): string {
  const { host } = release.settings;
  const wildcards: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const shown = wildcards[host] ?? (host.includes(':') ? `[${host}]` : host);
  return `http://${shown}:${release.boundPort}`;
}
