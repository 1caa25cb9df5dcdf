import { createHash } from 'node:crypto';
import { type TrafficSource, z } from '../../../core/index.ts';

/** Raised when a supervisor of another version could no longer be talked to. Version 1 knew one release at a time: see protocol-1.ts. */
export const protocolVersion = 2;

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
  /** The router's main file; a release that an older version deployed has none. */
  router: z.string().optional(),
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
  weight: z.number(),
  /** Percent of the requests that it gets a copy of. */
  mirror: z.number().optional(),
});
/** One release of the service as it runs or would run. */
export type Release = z.output<typeof Release>;

export const ServiceState = z.object({
  format: z.literal(2),
  service: z.string(),
  nextRevision: z.int().positive(),
  /** In the order of their numbers. */
  releases: z.array(Release),
});
/** `service.json`: what the supervisor keeps alive; a new supervisor goes on from it. */
export type ServiceState = z.output<typeof ServiceState>;

/** One of the releases that `apply` wants. */
export interface WantedRelease {
  readonly stamp: string;
  readonly weight: number;
  readonly mirror?: number;
  readonly bundle: string;
}

/** What `apply` wants: these releases; the settings are of those that are not there yet. */
export interface Want {
  readonly releases: readonly WantedRelease[];
  readonly settings: LocalSettings;
  readonly runtime: ServerRuntime;
}

export type Request =
  | { readonly do: 'status' }
  | { readonly do: 'traffic' }
  | { readonly do: 'apply'; readonly want: Want; readonly token: string }
  | { readonly do: 'stop' };

export type ReleaseHealth = 'ready' | 'starting' | 'failing' | 'stopped';

export type LiveRelease = Release & { readonly health: ReleaseHealth };

/** What a supervisor says of its service. */
export interface Status {
  readonly protocol: number;
  readonly service: string;
  readonly releases: readonly LiveRelease[];
  /** Pids of the server processes that take requests. */
  readonly serving: readonly number[];
  /** Pids of the ones that finish what they have. */
  readonly draining: readonly number[];
  /** Pid of the router, while the requests are split. */
  readonly router?: number;
  /** What it has counted; only when that was asked. */
  readonly traffic?: TrafficSource;
}

/** Lines that come back: any number of `log`, then one `ok` or `failed`. */
export type Reply =
  | { readonly log: string }
  | { readonly ok: Status }
  | { readonly failed: { readonly code: string; readonly message: string; readonly hint?: string; readonly detail?: readonly string[] } };

/** Names what is deployed, and how; whether it feels well is no part of it, so that a crash and its repair do not count as a change. */
export function tokenOf(releases: readonly Release[]): string {
  const what = releases.map(({ revision, stamp, boundPort, settings, weight, mirror }) => [
    revision,
    stamp,
    boundPort,
    Object.entries(settings).sort(),
    weight,
    mirror ?? 0,
  ]);
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 16);
}

/** The release that stands for the service: the one with the most requests, the newest of those. */
export function leading<R extends Release>(releases: readonly R[]): R | undefined {
  return releases.reduce<R | undefined>((best, each) => (best === undefined || each.weight >= best.weight ? each : best), undefined);
}

/** Where the service is called; a wildcard address is reached over the loopback. */
export function urlOf(release: Release): string {
  const { host } = release.settings;
  const wildcards: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const shown = wildcards[host] ?? (host.includes(':') ? `[${host}]` : host);
  return `http://${shown}:${release.boundPort}`;
}
