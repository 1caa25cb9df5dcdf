import type { Context } from '@opentelemetry/api';
import type { Sampler, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Reporter } from '../spec/journal.ts';
import { runSpans } from './run-spans.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface TelemetryOptions {
  /** The usual OTEL_* variables, and TRACEPARENT for the span that the run belongs to. */
  readonly env: Environment;
  readonly version: string;
  /** Told what keeps traces from being sent; that never fails a run. */
  warn(diagnostics: readonly Diagnostic[]): Promise<void>;
}

const packages = ['api', 'resources', 'sdk-trace', 'exporter-trace-otlp-http'].map((name) => `@opentelemetry/${name}`);
/** What is queued beyond this is lost; a run has a span for each node. */
const mostSpans = 200_000;
/** A collector that does not answer must not hold up the end of a run for longer. */
const longestFlushMs = 5_000;

/** Are traces wanted, by the variables that OpenTelemetry has for it? */
export function wantsTelemetry(env: Environment): boolean {
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const exporters = (env['OTEL_TRACES_EXPORTER'] || 'otlp').split(',').map((name) => name.trim());
  return Boolean(endpoint) && exporters.includes('otlp') && env['OTEL_SDK_DISABLED']?.toLowerCase() !== 'true';
}

/** Sends a run as a trace: a span of the run, and one in it for each node. Undefined, with a warning, when OpenTelemetry is not installed. */
export async function telemetryReporter(options: TelemetryOptions): Promise<Reporter | undefined> {
  try {
    return await connected(options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    await options.warn([notSent('OpenTelemetry is not installed', `npm install -D ${packages.join(' ')}`)]);
    return undefined;
  }
}

async function connected({ env, version, warn }: TelemetryOptions): Promise<Reporter> {
  const api = await import('@opentelemetry/api');
  const sdk = await import('@opentelemetry/sdk-trace');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { detectResources, envDetector, resourceFromAttributes } = await import('@opentelemetry/resources');
  let problem: string | undefined;
  const onProblem = (message: string): void => {
    problem ??= message;
  };
  const exporter = listened(new OTLPTraceExporter(), onProblem);
  const resource = resourceFromAttributes({ 'service.name': 'modelflow', 'service.version': version }).merge(
    detectResources({ detectors: [envDetector] }),
  );
  const provider = new sdk.TracerProvider({
    resource,
    sampler: samplerOf(sdk, env),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, maxQueueSize: mostSpans })],
  });
  const parent = parentOf(env['TRACEPARENT'], (context) => api.trace.setSpanContext(api.ROOT_CONTEXT, context)) ?? api.ROOT_CONTEXT;
  const spans = runSpans((name, at, attributes, within) =>
    provider
      .getTracer('modelflow', version)
      .startSpan(name, { startTime: at, attributes }, within ? api.trace.setSpan(parent, within) : parent),
  );
  return {
    event: (event) => spans.add(event),
    async end() {
      spans.end();
      const late = new Promise<void>((resolve) => {
        setTimeout(() => {
          onProblem(`no answer within ${longestFlushMs / 1000} s`);
          resolve();
        }, longestFlushMs).unref();
      });
      await Promise.race([provider.shutdown().catch((error: unknown) => onProblem(String(error))), late]);
      if (problem !== undefined)
        await warn([notSent(problem, 'Check the OTEL_EXPORTER_OTLP_* variables and that the collector takes OTLP over HTTP.')]);
    },
  };
}

function notSent(why: string, hint: string): Diagnostic {
  return { code: 'MF3009', severity: 'warning', message: `the trace of this run was not sent: ${why}`, hint };
}

/** The SDK keeps to itself what an exporter could not send. */
function listened(exporter: SpanExporter, onProblem: (message: string) => void): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error) onProblem(result.error.message || result.error.name);
        done(result);
      }),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

function samplerOf(sdk: typeof import('@opentelemetry/sdk-trace'), env: Environment): Sampler {
  const name = env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on';
  const ratio = Number(env['OTEL_TRACES_SAMPLER_ARG'] || 1);
  const roots: Readonly<Record<string, () => Sampler>> = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(Number.isNaN(ratio) ? 1 : ratio),
  };
  const root = (roots[name.replace(/^parentbased_/, '')] ?? (() => new sdk.AlwaysOnSampler()))();
  return name.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root;
}

/** The span that a CI job or another tool has begun (W3C Trace Context). */
function parentOf(
  given: string | undefined,
  contextWith: (parent: {
    readonly traceId: string;
    readonly spanId: string;
    readonly traceFlags: number;
    readonly isRemote: true;
  }) => Context,
): Context | undefined {
  const [, traceId = '', spanId = '', flags = ''] = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\b/.exec(given ?? '') ?? [];
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined;
  return contextWith({ traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true });
}
