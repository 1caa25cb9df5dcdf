import type { Health, LiveService, TrafficReport, TrafficSource } from '../../../core/index.ts';
import type { Engine } from '../../lib/docker.ts';
import { whyEnded } from './ended.ts';
import { askInside } from './inside.ts';
import { routerPort } from './names.ts';
import { adminUrl, backendOf, containersOf, nodeOf, replicasOf, type Seen, see } from './seen.ts';

const answerWithinMs = 10_000;

/** Does the router pass requests on, and is every container that should get some ready? When not, what the container itself says of it. */
export async function probeFrom(engine: Engine, live: LiveService, signal: AbortSignal): Promise<Health> {
  const seen = await see(engine, live.service, signal);
  if (!seen.router?.isRunning) return { ok: false, why: `\`${live.service}\` is not running: its router is gone or stopped` };
  for (const { stamp, weight } of live.revisions) {
    const why = stamp === undefined || weight === 0 ? undefined : await whyNotReady(engine, seen, stamp, signal);
    if (why !== undefined) return { ok: false, why };
  }
  const container = engine.api.getContainer(seen.router.id);
  const url = `http://127.0.0.1:${routerPort}/v2/health/ready`;
  const [answer] = await askInside(engine, container, await nodeOf(container), [{ url, timeoutMs: answerWithinMs }], signal);
  if (answer?.status === 200) return { ok: true };
  return { ok: false, why: `through the router, /v2/health/ready: ${answer?.status ? `answered ${answer.status}` : answer?.text}` };
}

async function whyNotReady(engine: Engine, seen: Seen, stamp: string, signal: AbortSignal): Promise<string | undefined> {
  const containers = containersOf(seen, stamp);
  if (containers.length < Math.max(1, replicasOf(containers)))
    return `${containers.length} of ${replicasOf(containers)} containers of release ${stamp.slice(0, 12)} are there`;
  for (const each of containers) {
    const ended = await whyEnded(engine, each.id, signal);
    const [problem] = ended?.diagnostics ?? [];
    if (problem) return [problem.message, ...(problem.detail ?? []).slice(-3)].join('\n');
    if (!seen.ready.has(backendOf(each))) return `the container ${each.name} is not ready`;
  }
  return undefined;
}

/** What the router has counted since it began. One that does not run has no counts. */
export async function trafficOf(engine: Engine, service: string, signal: AbortSignal): Promise<TrafficReport> {
  const { router } = await see(engine, service, signal);
  if (!router?.isRunning) return { sources: [] };
  const container = engine.api.getContainer(router.id);
  const [answer] = await askInside(engine, container, await nodeOf(container), [{ url: adminUrl('/traffic') }], signal);
  return { sources: answer?.status === 200 ? [JSON.parse(answer.text) as TrafficSource] : [] };
}
