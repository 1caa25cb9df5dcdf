import { type Diagnostic, defineTarget, type Health, ModelflowError, type TrafficReport } from '../../../core/index.ts';
import { OciImage } from '../../kinds.ts';
import { connectDocker, type Engine } from '../../lib/docker.ts';
import { applyTo, removeFrom } from '../docker/apply.ts';
import { renderFormats, renderService } from '../docker/compose.ts';
import { readLogs } from '../docker/logs.ts';
import { portHolder } from '../docker/port.ts';
import { probeFrom, trafficOf } from '../docker/probe.ts';
import type { RouterImage } from '../docker/router.ts';
import { ownRouterImage } from '../docker/router-layout.ts';
import { liveOf, see } from '../docker/seen.ts';
import { type DockerContext, dockerSettings } from '../docker/settings.ts';

/** Runs services in a Docker engine, here or elsewhere: containers behind a small router that holds the port and stays from release to release. */
export const docker = dockerWith(ownRouterImage);

/** The Docker target with another router. */
export function dockerWith(routerImage: RouterImage): ReturnType<typeof defineTarget<typeof dockerSettings, typeof OciImage>> {
  return defineTarget({
    name: 'docker',
    version: 1,
    settings: dockerSettings,
    runs: [OciImage],
    check: (ctx, service) => withEngine(ctx, 'check', (engine) => problemsOf(engine, ctx, service)),
    read: (ctx, service) =>
      withEngine(ctx, 'read the containers', async (engine) => liveOf(await see(engine, service, ctx.signal), engine.endpoint)),
    apply: (ctx, want, have) =>
      withEngine(ctx, `run ${want.service}`, async (engine) => {
        const { settings, log, signal } = ctx;
        const seen = await see(engine, want.service, signal);
        return applyTo({ engine, seen, settings, image: routerImage, log, signal }, want, have);
      }),
    probe: (ctx, live): Promise<Health> => withEngine(ctx, 'probe', (engine) => probeFrom(engine, live, ctx.signal)),
    remove: (ctx, service) => withEngine(ctx, `remove ${service}`, (engine) => removeFrom({ engine, signal: ctx.signal }, service)),
    split: () => ({ by: 'requests', mirrors: true }),
    observe: (ctx, service): Promise<TrafficReport> => withEngine(ctx, 'count', (engine) => trafficOf(engine, service, ctx.signal)),
    renders: renderFormats,
    render: renderService,
    async *logs(ctx, service, given) {
      const engine = await connectDocker(ctx.settings.engine, ctx.signal);
      try {
        yield* readLogs(engine, service, given, ctx.signal);
      } catch (error) {
        if (!ctx.signal.aborted) throw await engine.explain(error, 'read the logs');
      } finally {
        engine.close();
      }
    },
  });
}

/** Connects, and says in plain words whatever goes wrong on the way. */
async function withEngine<T>(ctx: DockerContext, doing: string, act: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await connectDocker(ctx.settings.engine, ctx.signal);
  try {
    return await act(engine);
  } catch (error) {
    if (ctx.signal.aborted || error instanceof ModelflowError) throw error;
    throw await engine.explain(error, doing);
  } finally {
    engine.close();
  }
}

async function problemsOf(engine: Engine, ctx: DockerContext, service: string): Promise<readonly Diagnostic[]> {
  const { settings } = ctx;
  const holder = await portHolder(engine, settings, service);
  const known = new Set((await engine.api.listNetworks()).map(({ Name }) => Name));
  const missing = settings.networks.filter((name) => !known.has(name));
  return [
    ...(holder ? [holder] : []),
    ...missing.map(
      (name): Diagnostic => ({
        code: 'MF5001',
        severity: 'error',
        message: `the engine at ${engine.endpoint.url} has no network \`${name}\` for ${service} to join`,
        hint: `Create it: docker network create ${name}`,
      }),
    ),
  ];
}
