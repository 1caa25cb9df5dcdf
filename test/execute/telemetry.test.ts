import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ownStages } from '../support/own-stages.ts';

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly boolValue?: boolean;
}
interface Attribute {
  readonly key: string;
  readonly value: Value;
}
interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly { readonly name: string; readonly attributes: readonly Attribute[] }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

interface Collector {
  readonly url: string;
  readonly spans: SentSpan[];
  readonly resources: Record<string, unknown>[];
  readonly requests: { readonly path: string; readonly key: unknown }[];
}

const plain = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? Number(value.intValue)]));

/** Takes OTLP over HTTP, in JSON. */
async function collector(status = 200): Promise<Collector> {
  const found: Collector = { url: '', spans: [], resources: [], requests: [] };
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    found.requests.push({ path: request.url ?? '', key: request.headers['x-key'] });
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      found.resources.push(plain(resource.attributes));
      found.spans.push(...scopeSpans.flatMap((scope: { readonly spans: SentSpan[] }) => scope.spans));
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { ...found, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('a run with an OpenTelemetry endpoint', () => {
  it('is sent as a trace: the run, in it each stage with what it was and came to', async () => {
    const { url, spans, resources, requests } = await collector();
    const rig = ownStages(`
      const one = kept({ n: 1 });
      const two = stage('two', async () => { if (!existsSync('tried')) { writeFileSync('tried', ''); throw new Error('first time'); } return {}; }, { inputs: { one: Anything } });
      return { one, two: two({ one, retries: { times: 1, firstPauseMs: 1 }, gates: [atLeast(one, 'n', 1)] }) };`);
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=abc',
      OTEL_RESOURCE_ATTRIBUTES: 'team=ml',
      OTEL_SERVICE_NAME: 'ours',
    };
    const end = await rig.start(['run'], { env }).finished;
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).not.toContain('MF3009');
    expect(requests[0]).toEqual({ path: '/v1/traces', key: 'abc' });
    expect(resources[0]).toMatchObject({ 'service.name': 'ours', team: 'ml' });
    const [run, one, two] = ['modelflow run', 'one', 'two'].map((name) => spans.find((span) => span.name === name));
    expect(spans).toHaveLength(3);
    expect(new Set(spans.map((span) => span.traceId)).size).toBe(1);
    expect(run?.parentSpanId ?? '').toBe('');
    expect(plain(run?.attributes ?? [])).toMatchObject({
      'cicd.pipeline.name': 'own',
      'modelflow.profile': 'dev',
      'cicd.pipeline.result': 'success',
    });
    expect([one?.parentSpanId, two?.parentSpanId]).toEqual([run?.spanId, run?.spanId]);
    expect(plain(two?.attributes ?? [])).toMatchObject({ 'modelflow.stage': 'two', 'modelflow.attempts': 2, 'modelflow.reused': false });
    expect(two?.events.map((event) => event.name)).toEqual(['gate', 'retry']);
    expect(plain(two?.events[0]?.attributes ?? [])).toMatchObject({ verdict: 'pass' });
    expect(BigInt(two?.startTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(one?.endTimeUnixNano ?? 0));
    spans.length = 0;
    expect((await rig.start(['run'], { env }).finished).code).toBe(0);
    expect(spans.map((span) => plain(span.attributes)['modelflow.reused']).filter(Boolean)).toEqual([true, true]);
  });

  it('that fails says so in the span of the stage and in its own', async () => {
    const { url, spans } = await collector();
    const rig = ownStages("return { bad: stage('bad', async () => { throw failure('MF3105', 'odd bytes'); })({}) };");
    const end = await rig.start(['run'], { env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/mine` } }).finished;
    expect(end.code).toBe(1);
    const bad = spans.find((span) => span.name === 'bad');
    expect(bad?.status).toEqual({ code: 2, message: 'MF3105: odd bytes' });
    expect(plain(bad?.attributes ?? [])).toMatchObject({ 'error.type': 'MF3105' });
    expect(spans.find((span) => span.name === 'modelflow run')?.status).toMatchObject({ code: 2 });
  });

  it('continues the trace that TRACEPARENT names, and is not sent when that one is not sampled', async () => {
    const { url, spans } = await collector();
    const rig = ownStages('return { one: kept({}) };');
    const trace = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    const env = (flags: string) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url, TRACEPARENT: `00-${trace.join('-')}-${flags}` });
    await rig.start(['run'], { env: env('00') }).finished;
    expect(spans).toEqual([]);
    await rig.start(['run'], { env: env('01') }).finished;
    expect(spans.find((span) => span.name === 'modelflow run')).toMatchObject({ traceId: trace[0], parentSpanId: trace[1] });
  });

  it.each([{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }, { OTEL_TRACES_SAMPLER: 'always_off' }])(
    'sends nothing with %o',
    async (more) => {
      const { url, requests } = await collector();
      const end = await ownStages('return { one: kept({}) };').start(['run'], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...more } })
        .finished;
      expect(end.code).toBe(0);
      expect(requests).toEqual([]);
    },
  );

  it('that cannot be sent is warned about in a line, and is done all the same', async () => {
    const { url } = await collector(400);
    const rig = ownStages('return { one: kept({}) };');
    for (const endpoint of [url, 'http://127.0.0.1:1']) {
      const end = await rig.start(['run'], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '500' } }).finished;
      expect(end.code).toBe(0);
      expect(end.stderr).toMatch(/warning MF3009: the trace of this run was not sent/);
    }
  });

  it('is done without OpenTelemetry too, with a line that says how to get it', async () => {
    const hook = `import { registerHooks } from 'node:module'; registerHooks({ resolve(name, context, next) { if (name.startsWith('@opentelemetry/')) throw Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' }); return next(name, context); } });`;
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hook)}`,
    };
    const end = await ownStages('return { one: kept({}) };').start(['run'], { env }).finished;
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).toContain('warning MF3009');
    expect(end.stderr).toContain('npm install -D @opentelemetry/api');
  });
});
