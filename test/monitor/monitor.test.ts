import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defineMonitor, ModelflowError } from 'modelflow';
import { availability, errorRate, latency } from 'modelflow/stages';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Service, serveMetrics } from './metrics-page.ts';
import { watch } from './monitor-rig.ts';

const well = { requests: { '200': 995, '400': 400, '500': 5 }, buckets: { '0.01': 1380, '0.05': 1400, '+Inf': 1400 } };
let service: Service;
let made: Awaited<ReturnType<typeof watch>>[];
beforeEach(async () => {
  service = await serveMetrics(well);
  made = [];
});
afterEach(async () => {
  await service.close();
  for (const { out } of made) await rm(out, { recursive: true, force: true });
});

async function watching(options: Parameters<typeof watch>[1] = {}, url = service.url) {
  const watched = await watch(url, options);
  made.push(watched);
  return watched;
}

test('a service that does well passes, and the artifact holds configuration, rules and report', async () => {
  const watched = await watching();
  expect(await watched.run()).toEqual({ service: 'digits', url: service.url, rules: 3, samples: 10, breaches: 0 });
  expect((await readdir(watched.out)).sort()).toEqual(['prometheus.yml', 'report.json', 'rules.yml']);
  const report = JSON.parse(await readFile(join(watched.out, 'report.json'), 'utf8'));
  expect(report.judged).toEqual([
    { monitor: 'availability', settings: {}, verdict: 'pass', text: 'digits is ready' },
    {
      monitor: 'error-rate',
      settings: { atMost: 0.01, needs: 100 },
      verdict: 'pass',
      text: '5 of 1400 requests were answered with a server error; up to 1 % may be',
    },
    {
      monitor: 'latency',
      settings: { p99Ms: 500, needs: 100 },
      verdict: 'pass',
      text: 'p99 is 22.0 ms over 1400 requests; up to 500 ms is allowed',
    },
  ]);
});

test('Prometheus is told where the service is, how often to ask, and which rules to evaluate', async () => {
  const watched = await watching({ scrapeInterval: '5s', monitors: [latency({ p99Ms: 20 })] });
  service.page = { ...well, buckets: { '0.01': 1400, '+Inf': 1400 } };
  await watched.run();
  expect(parse(await readFile(join(watched.out, 'prometheus.yml'), 'utf8'))).toEqual({
    global: { scrape_interval: '5s', evaluation_interval: '5s' },
    rule_files: ['rules.yml'],
    scrape_configs: [
      {
        job_name: 'digits',
        scheme: 'http',
        metrics_path: '/metrics',
        static_configs: [{ targets: [service.url.replace('http://', '')] }],
      },
    ],
  });
  const rules = parse(await readFile(join(watched.out, 'rules.yml'), 'utf8'));
  expect(rules.groups).toMatchObject([{ name: 'modelflow-digits', rules: [{ alert: 'ModelflowLatency' }] }]);
});

test.each([
  [
    'too many server errors',
    { ...well, requests: { '200': 900, '503': 100 } },
    '100 of 1000 requests were answered with a server error; at most 1 % may be',
  ],
  [
    'a slow service',
    { ...well, buckets: { '0.5': 0, '1': 1400, '+Inf': 1400 } },
    'p99 is 995.0 ms over 1400 requests; at most 500 ms is allowed',
  ],
  ['a model that is not ready', { ...well, ready: 0 }, 'digits says that it is not ready'],
  [
    'so many errors that more requests could not mend it',
    { requests: { '500': 2 } },
    '2 of 2 requests were answered with a server error; at most 1 % may be',
  ],
])('%s is a breach that says by how much', async (_, page, text) => {
  service.page = page;
  const watched = await watching();
  const error = await watched.run().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ModelflowError);
  const { diagnostics, exitCode } = error as ModelflowError;
  expect(exitCode).toBe(3);
  expect(diagnostics[0]).toMatchObject({ code: 'MF7001', message: `digits at ${service.url}: ${text}` });
  expect(await watched.verify()).toEqual({ holds: false, why: text });
});

test('with too few requests there is no verdict, which is no failure, and it is said how many more are needed', async () => {
  service.page = { requests: { '200': 40 }, buckets: { '0.5': 0, '1': 40, '+Inf': 40 } };
  const watched = await watching();
  expect(await watched.run()).toMatchObject({ breaches: 0 });
  expect(watched.lines).toContain('latency: not-enough-data, 40 requests were measured; a verdict needs 60 more');
  expect(watched.lines.find((line) => line.startsWith('error-rate'))).toContain('a verdict needs 60 more requests');
});

test('a service that was never called passes', async () => {
  service.page = {};
  expect(await (await watching()).run()).toMatchObject({ breaches: 0 });
});

test.each([
  ['no service there', async () => service.close().then(async () => (service = await serveMetrics({}))), undefined],
  ['an error instead of a page', async () => (service.page = { status: 500 }), 'it answered 500'],
  ['something that is no page of metrics', async () => (service.page = { raw: '<html></html>' }), 'line 1 is no sample: <html></html>'],
])('%s is reported as a service that could not be scraped', async (_, act, why) => {
  const { url } = service;
  await act();
  const watched = await watching({}, url);
  const error = await watched.run().catch((reason: unknown) => reason);
  expect((error as ModelflowError).exitCode).toBe(8);
  expect((error as ModelflowError).diagnostics[0]).toMatchObject({
    code: 'MF7002',
    message: expect.stringContaining(why ?? 'ECONNREFUSED'),
  });
  expect(await watched.verify()).toMatchObject({ holds: false, why: expect.stringContaining('could not be read') });
});

test('as long as all is well the result still holds, at the price of one scrape', async () => {
  const watched = await watching();
  expect(await watched.verify()).toEqual({ holds: true });
  expect(service.scrapes).toBe(1);
});

test('a monitor of one’s own gets the samples and the service, and its rule stands beside the others', async () => {
  const own = defineMonitor({
    monitor: 'acme/traffic',
    settings: { atLeast: 2000 },
    rule: (name) => ({
      alert: 'Quiet',
      expr: `sum(modelflow_requests_total{job="${name}"}) < 2000`,
      for: '1m',
      labels: {},
      annotations: {},
    }),
    judge: (samples, name) => ({ verdict: 'breach', text: `${name}: ${samples.length} samples` }),
  });
  const watched = await watching({ monitors: [own, errorRate({ atMost: 0.5 }), availability()] });
  await expect(watched.run()).rejects.toMatchObject({
    diagnostics: [{ code: 'MF7001', message: `digits at ${service.url}: digits: 10 samples` }],
  });
  expect(parse(await readFile(join(watched.out, 'rules.yml'), 'utf8')).groups[0].rules[0].alert).toBe('Quiet');
});

test('wrong settings and intervals are refused in words', async () => {
  const codeOf = (act: () => unknown) => {
    try {
      act();
      return undefined;
    } catch (error) {
      return (error as ModelflowError).diagnostics[0];
    }
  };
  expect(codeOf(() => errorRate({ atMost: 1.5 }))).toMatchObject({ code: 'MF1101', message: 'monitor errorRate: option `atMost` is 1.5' });
  expect(codeOf(() => (latency as (given: unknown) => unknown)({ p99ms: 10 }))).toMatchObject({
    code: 'MF1102',
    hint: 'Did you mean `p99Ms`?',
  });
  await expect(watching({ scrapeInterval: '10m' })).rejects.toMatchObject({ diagnostics: [{ code: 'MF1101' }] });
  await expect(watching({ monitors: [] })).rejects.toMatchObject({ diagnostics: [{ code: 'MF1101' }] });
});
