import { setTimeout as pause } from 'node:timers/promises';
import type { Health, LiveService } from '../../../core/index.ts';
import { pathOf } from './api.ts';
import type { Context } from './context.ts';
import { clusterOf } from './context.ts';
import { frontOf, lookAt } from './live-state.ts';
import { isPassing } from './refusals.ts';

/** Longer than the router looks for somebody who answers. */
const timeoutMs = 15_000;
const patienceMs = 5_000;
const askAgainMs = 500;

/** Asks through the API server, which reaches the service from wherever this runs. */
export async function probeService(ctx: Context, live: LiveService): Promise<Health> {
  const cluster = await clusterOf(ctx, 'reading');
  const front = frontOf(await lookAt(cluster, live.service), live.service);
  const [port] = front?.spec.ports ?? [];
  if (front === undefined || port === undefined || live.revisions.every(({ weight }) => weight === 0))
    return { ok: false, why: `\`${live.service}\` is not running` };
  const path = `${pathOf('Service', cluster.namespace)}/${front.metadata.name}:${port.port}/proxy/v2/health/ready`;
  for (const until = Date.now() + patienceMs; ; await pause(askAgainMs, undefined, { signal: ctx.signal })) {
    try {
      await cluster.ask({ path, timeoutMs, headers: { accept: '*/*' }, isOnce: true });
      return { ok: true };
    } catch (error) {
      ctx.signal.throwIfAborted();
      // What does not answer here may be the service as well as the API server: it is told as it is.
      const why = `GET /v2/health/ready: ${error instanceof Error ? error.message : String(error)}`;
      if (Date.now() > until || !isPassing(error)) return { ok: false, why };
    }
  }
}
