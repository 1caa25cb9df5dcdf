import { failure, type Sample } from '../../core/index.ts';
import { httpGet } from '../lib/http-get.ts';
import { parseMetrics } from './text-format.ts';

const timeoutMs = 10_000;
const mostBytes = 32 * 1024 * 1024;

/** Reads `<url>/metrics` once. Throws MF7002 when there is no answer, or one that is no page of metrics. */
export async function scrape(url: string, signal: AbortSignal): Promise<readonly Sample[]> {
  const address = `${url}/metrics`;
  try {
    return parseMetrics(await pageAt(address, signal));
  } catch (cause) {
    signal.throwIfAborted();
    throw failure('MF7002', `the metrics at ${address} could not be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'Is the service running? See `modelflow status`.',
      cause,
    });
  }
}

/** Over a connection of its own: a kept one may lead to a release that is on its way out. */
function pageAt(address: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpGet(address)(address, { agent: false, signal, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        sizeBytes += chunk.length;
        if (sizeBytes > mostBytes) request.destroy(new Error(`the page is larger than ${mostBytes} bytes`));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new Error(`it answered ${response.statusCode}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', reject);
  });
}
