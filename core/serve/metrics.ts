import type { Counter, Registry } from 'prom-client';
import type { LaneObserver } from './lane.ts';

export type Protocol = 'open-inference' | 'tf-serving' | 'predict' | 'other';

/** What a server counts. Every server has a registry of its own. */
export interface Metrics extends LaneObserver {
  /** One answered request. `isInference` is false for health, metadata and the like. */
  answered(protocol: Protocol, status: number, durationMs: number, isInference: boolean): void;
  /** The Prometheus text format. */
  text(): Promise<{ readonly body: string; readonly contentType: string }>;
}

/** What the gauges read when they are scraped. */
export interface MetricsSource {
  readonly name: string;
  readonly version: string;
  readonly precision: string;
  readonly runtime: string;
  where(): string;
  queueDepth(): number;
  isReady(): boolean;
}

/** Buckets from a tenth of a millisecond, as the tiniest models take, to the deadline. */
const secondsBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const rowsBuckets = [1, 2, 4, 8, 16, 32, 64, 128];

/** Creates the registry: `modelflow_*` in base units, the process, and Triton's `nv_inference_*` counters for dashboards that know those. */
export async function createMetrics(source: MetricsSource): Promise<Metrics> {
  const { Counter, Histogram, Registry } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'modelflow_requests_total',
    help: 'Requests answered.',
    labelNames: ['protocol', 'code'],
    registers,
  });
  const duration = new Histogram({
    name: 'modelflow_request_duration_seconds',
    help: 'Of inference requests, from the head of the request to the answer.',
    labelNames: ['protocol'],
    buckets: secondsBuckets,
    registers,
  });
  const triton = await tritonCounters(registry, source);
  const lane = await laneHistograms(registry, triton);
  await addGauges(registry, source);
  // Looking labels up costs more than counting.
  const counted = new Map<string, { inc(): void }>();
  const timed = new Map<Protocol, { observe(value: number): void }>();
  return {
    ...lane,
    answered: (protocol, status, durationMs, isInference) => {
      const code = String(status);
      getOrMake(counted, `${protocol} ${code}`, () => requests.labels(protocol, code)).inc();
      if (!isInference) return;
      getOrMake(timed, protocol, () => duration.labels(protocol)).observe(durationMs / 1000);
      triton.answered(status, durationMs);
    },
    text: async () => ({ body: await registry.metrics(), contentType: registry.contentType }),
  };
}

async function laneHistograms(registry: Registry, triton: TritonCounters): Promise<LaneObserver> {
  const { Histogram } = await import('prom-client');
  const make = (name: string, help: string, buckets: number[]) => new Histogram({ name, help, buckets, registers: [registry] });
  const inference = make('modelflow_inference_duration_seconds', 'One run of the model, whatever its batch.', secondsBuckets);
  const queue = make('modelflow_queue_duration_seconds', 'From the arrival of a request at the queue to its run.', secondsBuckets);
  const batch = make('modelflow_batch_size', 'Rows of one run.', rowsBuckets);
  return {
    ran: (rows, count, inferenceMs) => {
      inference.observe(inferenceMs / 1000);
      batch.observe(rows);
      triton.ran(rows, inferenceMs * count);
    },
    waited: (queueMs) => {
      queue.observe(queueMs / 1000);
      triton.waited(queueMs);
    },
  };
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

interface TritonCounters {
  answered(status: number, durationMs: number): void;
  ran(rows: number, inferenceMs: number): void;
  waited(queueMs: number): void;
}

/** Names and meanings: Triton Inference Server, docs/user_guide/metrics.md. */
async function tritonCounters(registry: Registry, { name, version }: MetricsSource): Promise<TritonCounters> {
  const { Counter } = await import('prom-client');
  const make = (suffix: string, help: string, more: readonly string[] = []): Counter =>
    new Counter({ name: `nv_inference_${suffix}`, help, labelNames: ['model', 'version', ...more], registers: [registry] });
  const of = (counter: Counter) => counter.labels(name, version);
  const success = of(make('request_success', 'Inference requests that succeeded.'));
  const failure = make('request_failure', 'Inference requests that failed.', ['reason']);
  const count = of(make('count', 'Rows inferred.'));
  const executions = of(make('exec_count', 'Runs of the model.'));
  const request = of(make('request_duration_us', 'Inference requests from end to end, summed, in microseconds.'));
  const queue = of(make('queue_duration_us', 'Waiting for a run, summed, in microseconds.'));
  const compute = of(make('compute_infer_duration_us', 'Running the model, summed over requests, in microseconds.'));
  return {
    answered: (status, durationMs) => {
      if (status < 400) success.inc();
      else failure.labels(name, version, failureReason(status)).inc();
      if (status < 400) request.inc(Math.round(durationMs * 1000));
    },
    ran: (rows, inferenceMs) => {
      count.inc(rows);
      executions.inc();
      compute.inc(Math.round(inferenceMs * 1000));
    },
    waited: (queueMs) => queue.inc(Math.round(queueMs * 1000)),
  };
}

function failureReason(status: number): string {
  if (status === 503) return 'REJECTED';
  if (status === 504) return 'CANCELED';
  return status === 500 ? 'BACKEND' : 'OTHER';
}

async function addGauges(registry: Registry, source: MetricsSource): Promise<void> {
  const { Gauge } = await import('prom-client');
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('modelflow_queue_depth', 'Requests that wait for a run.', source.queueDepth);
  gauge('modelflow_model_ready', '1 when the model takes requests.', () => (source.isReady() ? 1 : 0));
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  gauge('process_cpu_seconds_total', 'User and system time in seconds.', cpuSeconds);
  const startedSeconds = Date.now() / 1000 - process.uptime();
  gauge('process_start_time_seconds', 'Start of the process, seconds since 1970.', () => startedSeconds);
  new Gauge({
    name: 'nv_inference_pending_request_count',
    help: 'Requests that wait for a run.',
    labelNames: ['model', 'version'],
    registers,
    collect() {
      this.set({ model: source.name, version: source.version }, source.queueDepth());
    },
  });
  new Gauge({
    name: 'modelflow_model_info',
    help: 'Always 1; the labels say what is served.',
    labelNames: ['name', 'version', 'precision', 'runtime', 'thread'],
    registers,
    collect() {
      const { name, version, precision, runtime } = source;
      this.reset();
      this.set({ name, version, precision, runtime, thread: source.where() }, 1);
    },
  });
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}
