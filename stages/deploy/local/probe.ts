import type { Health, LiveService } from '../../../core/index.ts';
import { httpGet } from '../../lib/http-get.ts';

const timeoutMs = 10_000;

/**
 * Is the service ready, and are these the releases that answer? A fresh connection each: an old one may still reach the release before.
 * Each is asked by its name, so that a router does not ask another one.
 */
export async function probeService(live: LiveService, signal: AbortSignal): Promise<Health> {
  const asked = live.revisions.filter(({ weight, mirror = 0 }) => weight > 0 || mirror > 0);
  if (live.url === undefined || asked.length === 0) return { ok: false, why: `\`${live.service}\` is not running` };
  for (const { id, stamp } of asked) {
    const model = `${live.url}/v2/models/${encodeURIComponent(live.service)}/versions/${encodeURIComponent(id)}/ready`;
    for (const url of [`${live.url}/v2/health/ready`, model]) {
      const why = await problemOf(url, stamp ?? '', signal);
      if (why !== undefined) return { ok: false, why: `${url}: ${why}` };
    }
  }
  return { ok: true };
}

function problemOf(url: string, stamp: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = httpGet(url)(url, { agent: false, signal, timeout: timeoutMs, headers: { 'x-modelflow-to': stamp } }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? undefined : `answered ${response.statusCode}`);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', (error) => resolve(error.message));
  });
}
