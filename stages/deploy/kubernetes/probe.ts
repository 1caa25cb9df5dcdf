import type { Health, LiveService } from '../../../core/index.ts';
import { pathOf } from './api.ts';
import type { Context } from './context.ts';
import { clusterOf } from './context.ts';
import { frontOf, lookAt } from './live-state.ts';

const timeoutMs = 10_000;

/** Asks through the API server, which reaches the service from wherever this runs. */
export async function probeService(ctx: Context, live: LiveService): Promise<Health> {
  const cluster = await clusterOf(ctx, 'reading');
  const front = frontOf(await lookAt(cluster, live.service), live.service);
  const [port] = front?.spec.ports ?? [];
  if (front === undefined || port === undefined || live.revisions.every(({ weight }) => weight === 0))
    return { ok: false, why: `\`${live.service}\` is not running` };
  const path = `${pathOf('Service', cluster.namespace)}/${front.metadata.name}:${port.port}/proxy/v2/health/ready`;
  try {
    await cluster.ask({ path, timeoutMs, headers: { accept: '*/*' } });
    return { ok: true };
  } catch (error) {
    ctx.signal.throwIfAborted();
    return { ok: false, why: `GET /v2/health/ready: ${error instanceof Error ? error.message : String(error)}` };
  }
}
