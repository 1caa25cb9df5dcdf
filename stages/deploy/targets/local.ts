import { mkdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineTarget, type LiveService, type TargetContext, z } from '../../../core/index.ts';
import { ServingBundle } from '../../kinds.ts';
import { applyTo, removeFrom, statusOf, trafficOf } from '../local/client.ts';
import { readLog } from '../local/log-reader.ts';
import { portProblem } from '../local/ports.ts';
import { probeService } from '../local/probe.ts';
import { type LiveRelease, leading, type ServerRuntime, tokenOf, urlOf } from '../local/protocol.ts';
import { pathsOf, readService } from '../local/state.ts';

const settings = {
  port: z.int().min(0).max(65_535).default(8080).describe('0: any free port, which the service then keeps'),
  host: z.string().min(1).default('127.0.0.1').describe('the address to listen on; 0.0.0.0 lets other machines in'),
  processes: z.int().min(1).max(256).default(1).describe('server processes that share the port; each has metrics of its own'),
  readyTimeoutMs: z.int().min(1).max(3_600_000).default(60_000).describe('how long a new release may take to load its model'),
  keep: z.int().min(1).max(100).default(2).describe('how many releases stay on disk'),
};
type Context = TargetContext<typeof settings>;

/**
 * Runs services on this machine, under a supervisor that outlives the CLI, restarts a server after a crash,
 * and replaces a release without losing a request, at once or in steps.
 */
export const local = localWith();

/** The local target with another server program; the built-in one is the serving runtime of this package. */
export function localWith(entry: string = servingRuntime()): ReturnType<typeof defineTarget<typeof settings, typeof ServingBundle>> {
  const runtime: ServerRuntime = { node: process.execPath, entry, router: router() };
  return defineTarget({
    name: 'local',
    version: 1,
    settings,
    runs: [ServingBundle],
    async check(ctx, service) {
      const { host, port } = ctx.settings;
      const releases = (await statusOf(folderOf(ctx, service), ctx.signal))?.releases ?? [];
      const live = releases.find(({ boundPort }) => boundPort === port);
      const isOwnPort = live !== undefined;
      if (port === 0 || live?.settings.host === host) return [];
      const problem = await portProblem(host, port);
      if (problem === undefined) return [];
      const hint = `It is \`${service}\` itself, at ${live?.settings.host}: give the target another \`port\`, or stop it first with \`modelflow down\`.`;
      return [isOwnPort ? { ...problem, hint } : problem];
    },
    read,
    async apply(ctx, want, have) {
      const folder = folderOf(ctx, want.service);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const releases = want.revisions.map(({ what, ...rest }) => ({ ...rest, bundle: what.path }));
      const status = await applyTo(await realpath(folder), want.service, {
        want: { releases, settings: ctx.settings, runtime },
        token: have.token,
        signal: ctx.signal,
        onLog: (line) => ctx.log.info(line),
      });
      return liveService(want.service, status.releases);
    },
    probe: (ctx, live) => probeService(live, ctx.signal),
    async remove(ctx, service) {
      await removeFrom(folderOf(ctx, service), ctx.signal);
    },
    split: () => ({ by: 'requests', mirrors: true }),
    async observe(ctx, service) {
      const traffic = await trafficOf(folderOf(ctx, service), ctx.signal);
      return { sources: traffic === undefined ? [] : [traffic] };
    },
    logs: (ctx, service, given) => readLog(pathsOf(folderOf(ctx, service)).log, given, ctx.signal),
  });
}

async function read(ctx: Context, service: string): Promise<LiveService> {
  const folder = folderOf(ctx, service);
  const status = await statusOf(folder, ctx.signal);
  if (status !== undefined) return liveService(service, status.releases);
  const recorded = (await readService(folder))?.releases ?? [];
  return liveService(
    service,
    recorded.map((release) => ({ ...release, health: 'stopped' })),
  );
}

function liveService(service: string, releases: readonly LiveRelease[]): LiveService {
  const token = tokenOf(releases);
  const leader = leading(releases);
  if (leader === undefined) return { service, url: undefined, revisions: [], token, settings: {} };
  const revisions = releases.map(({ revision, stamp, weight, mirror, health }) => ({
    id: String(revision),
    stamp,
    weight,
    ...(mirror === undefined ? {} : { mirror }),
    health,
  }));
  return { service, url: leader.health === 'stopped' ? undefined : urlOf(leader), revisions, token, settings: leader.settings };
}

function folderOf(ctx: Context, service: string): string {
  return resolve(join(ctx.stateFolder, service));
}

/** The main file of the serving runtime, from source or built. */
function servingRuntime(): string {
  const main = import.meta.url.endsWith('.ts') ? '../../../core/serve/main.ts' : '../../../core/serve/main.js';
  return fileURLToPath(new URL(main, import.meta.url));
}

/** The main file of the router, from source or built. */
function router(): string {
  const main = import.meta.url.endsWith('.ts') ? '../../../core/route/main.ts' : '../../../core/route/main.js';
  return fileURLToPath(new URL(main, import.meta.url));
}
