import type { Health, LiveService } from '../../../core/index.ts';
import { httpGet } from '../../lib/http-get.ts';

const timeoutMs = 10_000;

/** Is the service ready, and is it the release that should be live which answers? A fresh connection each: an old one may still reach the release before. */
export async function probeService(live: LiveService, signal: AbortSignal): Promise<Health> {
  const revision = live.revisions.find(({ weight }) => weight === 100);
  if (live.url === undefined || revision === undefined) return { ok: false, why: `\`${live.service}\` is not running` };
  const model = `${live.url}/v2/models/${encodeURIComponent(live.service)}/versions/${encodeURIComponent(revision.id)}/ready`;
  for (const url of [`${live.url}/v2/health/ready`, model]) {
    const why = await problemOf(url, signal);
    if (why !== undefined) return { ok: false, why: `${url}: ${why}` };
  }
  return { ok: true };
}

function problemOf(url: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = httpGet(url)(url, { agent: false, signal, timeout: timeoutMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? undefined : `answered ${response.statusCode}`);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', (error) => resolve(error.message));
  });
}
