import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { latency } from 'modelflow/stages';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { type Service, serveMetrics } from './metrics-page.ts';
import { watch } from './monitor-rig.ts';

const isInstalled = ['promtool', 'prometheus'].every((program) => {
  try {
    return execFileSync(program, ['--version']).length > 0;
  } catch {
    return false;
  }
});
const promtool = (...args: readonly string[]) => promisify(execFile)('promtool', args);

let service: Service;
let folder: string;
let out: string;
beforeEach(async () => {
  service = await serveMetrics({ requests: { '200': 200 }, buckets: { '0.01': 200, '+Inf': 200 } });
  folder = await mkdtemp(join(tmpdir(), 'mf-prometheus-'));
  const watched = await watch(service.url, { scrapeInterval: '1s' });
  await watched.run();
  out = watched.out;
});
afterEach(async () => {
  await service.close();
  for (const each of [folder, out]) await rm(each, { recursive: true, force: true });
});

/** What is read of Prometheus' answers. */
interface Answer {
  readonly data: {
    readonly result?: readonly { readonly value: readonly [number, string] }[];
    readonly groups?: readonly { readonly rules: readonly { readonly name: string; readonly health: string; readonly state: string }[] }[];
    readonly activeTargets?: readonly unknown[];
  };
}

interface Series {
  readonly series: string;
  readonly values: string;
}
const labels = 'job="digits",protocol="predict"';
const up = { series: 'up{job="digits"}', values: '1x80' };
const ready = { series: 'modelflow_model_ready{job="digits"}', values: '1x80' };
const requests = (code: string, values: string): Series => ({ series: `modelflow_requests_total{${labels},code="${code}"}`, values });
const count = (values: string): Series => ({ series: `modelflow_request_duration_seconds_count{${labels}}`, values });
const bucket = (le: string, values: string): Series => ({
  series: `modelflow_request_duration_seconds_bucket{${labels},le="${le}"}`,
  values,
});

/** Which alerts fire after 15 minutes of these series, one value each 15 s; promtool judges. */
async function firing(series: readonly Series[], rules = out): Promise<readonly string[]> {
  const names = ['ModelflowServiceDown', 'ModelflowErrorRate', 'ModelflowLatency'];
  const found: string[] = [];
  for (const alertname of names) {
    const file = join(folder, 'rules-test.yml');
    // An alert that is expected not to fire: promtool fails where it does.
    const tests = [{ interval: '15s', input_series: series, alert_rule_test: [{ eval_time: '15m', alertname, exp_alerts: [] }] }];
    await writeFile(file, stringify({ rule_files: [join(rules, 'rules.yml')], evaluation_interval: '15s', tests }));
    await promtool('test', 'rules', file).catch((error: { readonly stdout?: string; readonly stderr?: string }) => {
      if (!/got:\[\s*0:\s*Labels/.test(`${error.stdout}${error.stderr}`.replace(/\s+/g, ' '))) throw error;
      found.push(alertname);
    });
  }
  return found;
}

describe.skipIf(!isInstalled)('with the real Prometheus (skipped where the package prometheus is not installed)', () => {
  test('promtool accepts configuration and rules', async () => {
    const config = await promtool('check', 'config', join(out, 'prometheus.yml'));
    expect(config.stdout).toContain('is valid prometheus config file syntax');
    expect((await promtool('check', 'rules', join(out, 'rules.yml'))).stdout).toContain('3 rules found');
  });

  test('no alert fires for a service that does well', async () => {
    const series = [
      up,
      ready,
      requests('200', '0+100x80'),
      requests('500', '0+0x80'),
      bucket('0.1', '0+100x80'),
      bucket('+Inf', '0+100x80'),
    ];
    expect(await firing(series)).toEqual([]);
  });

  test('an alert fires for a service that cannot be scraped, one that is gone, and one that is not ready', async () => {
    expect(await firing([{ ...up, values: '0x80' }])).toEqual(['ModelflowServiceDown']);
    expect(await firing([{ series: 'up{job="another"}', values: '1x80' }])).toEqual(['ModelflowServiceDown']);
    expect(await firing([up, { ...ready, values: '0x80' }])).toEqual(['ModelflowServiceDown']);
  });

  test('an alert fires for two errors in a hundred requests, not for one in two hundred, and not for a handful of requests', async () => {
    expect(await firing([up, ready, requests('200', '0+98x80'), requests('500', '0+2x80')])).toEqual(['ModelflowErrorRate']);
    expect(await firing([up, ready, requests('200', '0+199x80'), requests('500', '0+1x80')])).toEqual([]);
    expect(await firing([up, ready, requests('200', '0+1x80'), requests('500', '0+1x80')])).toEqual([]);
    expect(await firing([up, ready, requests('200', '0+90x80'), requests('400', '0+90x80')])).toEqual([]);
    const health = { series: 'modelflow_requests_total{job="digits",protocol="other",code="503"}', values: '0+500x80' };
    expect(await firing([up, ready, requests('200', '0+90x80'), health])).toEqual([]);
  });

  test('an alert fires for a slow service, at the threshold that was asked for', async () => {
    const series = [up, ready, count('0+100x80'), bucket('0.1', '0+0x80'), bucket('0.2', '0+100x80'), bucket('+Inf', '0+100x80')];
    expect(await firing(series)).toEqual([]);
    const strict = await watch(service.url, { monitors: [latency({ p99Ms: 150 })] });
    await strict.run();
    expect(await firing(series, strict.out)).toEqual(['ModelflowLatency']);
    await rm(strict.out, { recursive: true });
  });

  test('Prometheus scrapes the service with the generated configuration, and evaluates the rules', async () => {
    const port = await freePort();
    const flags = [
      `--config.file=${join(out, 'prometheus.yml')}`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const prometheus = spawn('prometheus', flags, { stdio: 'ignore' });
    const ended = new Promise((resolve) => prometheus.once('exit', resolve));
    try {
      const ask = async (path: string): Promise<Answer> =>
        (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json() as Promise<Answer>;
      const count = async () =>
        (await ask('query?query=modelflow_requests_total%7Bjob%3D%22digits%22%2Cprotocol%3D%22predict%22%7D')).data.result?.[0]?.value[1];
      await vi.waitFor(async () => expect(await count()).toBe('200'), { timeout: 60_000, interval: 200 });
      const rules = async () => (await ask('rules')).data.groups?.[0]?.rules.map(({ name, health, state }) => [name, health, state]);
      const expected = ['ModelflowServiceDown', 'ModelflowErrorRate', 'ModelflowLatency'].map((name) => [name, 'ok', 'inactive']);
      await vi.waitFor(async () => expect(await rules()).toEqual(expected), { timeout: 60_000, interval: 200 });
      expect((await ask('targets')).data.activeTargets).toMatchObject([{ health: 'up', labels: { job: 'digits' } }]);
    } finally {
      prometheus.kill('SIGTERM');
      await ended;
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
