import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { call, ServiceRig } from '../deploy/service-rig.ts';
import { watch } from './monitor-rig.ts';

let rig: ServiceRig;
beforeEach(async () => {
  rig = await ServiceRig.open();
  rig.entry = undefined;
});
afterEach(() => rig.close());

async function verdicts(url: string | undefined): Promise<readonly string[]> {
  const watched = await watch(url ?? '');
  await watched.run();
  await rm(watched.out, { recursive: true });
  return watched.lines;
}

test('the built-in monitors find in the metrics of the real server what they judge by, and count only what is asked of the model', async () => {
  const { url } = await rig.apply(await rig.realBundle(), 'stamp-one');
  for (let count = 0; count < 150; count++) await call(url, '/v2/health/ready');
  expect(await verdicts(url)).toEqual([
    'availability: pass, digits is ready',
    'error-rate: not-enough-data, 0 of 0 requests were answered with a server error; a verdict needs 100 more requests',
    'latency: not-enough-data, 0 requests were measured; a verdict needs 100 more',
  ]);
  for (let count = 0; count < 120; count++) {
    await fetch(`${url}/predict`, { method: 'POST', body: JSON.stringify({ input: count % 2 === 0 ? [[1, 2, 3]] : 'wrong' }) });
  }
  const [, errors, latency] = await verdicts(url);
  expect(errors).toBe('error-rate: pass, 0 of 120 requests were answered with a server error; up to 1 % may be');
  expect(latency).toMatch(/^latency: pass, p99 is \d+\.\d ms over 120 requests; up to 500 ms is allowed$/);
});
