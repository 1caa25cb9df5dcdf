import { expect, test } from 'vitest';
import { linear } from './example-models.ts';
import { metric, type Rig, serve } from './serve-rig.ts';

const ask = ({ post }: Rig, body: unknown) => post('/predict', body);

test('requests are counted by protocol and code, inferences are timed, and probes are neither', async () => {
  const rig = await serve(linear());
  await ask(rig, { input: [1, 2, 3] });
  await ask(rig, {
    input: [
      [1, 2, 3],
      [4, 5, 6],
    ],
  });
  await ask(rig, { input: 'x' });
  await rig.get('/v2/models/other');
  await rig.get('/v2/health/ready');
  expect(await metric(rig, 'modelflow_requests_total{protocol="predict",code="200"}')).toBe(2);
  expect(await metric(rig, 'modelflow_requests_total{protocol="predict",code="400"}')).toBe(1);
  expect(await metric(rig, 'modelflow_requests_total{protocol="other",code="404"}')).toBe(1);
  expect(await metric(rig, 'modelflow_requests_total{protocol="open-inference",code="200"}')).toBeUndefined();
  expect(await metric(rig, 'modelflow_request_duration_seconds_count{protocol="predict"}')).toBe(3);
  expect(await metric(rig, 'modelflow_request_duration_seconds_count{protocol="other"}')).toBeUndefined();
  expect(await metric(rig, 'modelflow_inference_duration_seconds_count')).toBe(2);
  expect(await metric(rig, 'modelflow_batch_size_sum')).toBe(3);
  expect(await metric(rig, 'modelflow_queue_depth')).toBe(0);
  expect(await metric(rig, 'modelflow_model_ready')).toBe(1);
});

test('the page says what is served, in the Prometheus text format', async () => {
  const rig = await serve(linear(), { name: 'digits', version: '3' });
  const { bytes, headers } = await rig.get('/metrics');
  expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(bytes.toString()).toMatch(
    /modelflow_model_info\{name="digits",version="3",precision="",runtime="onnxruntime-node [\d.]+",thread="main"\} 1/,
  );
  expect(await metric(rig, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
});

test('dashboards made for Triton find its counters', async () => {
  const rig = await serve(linear());
  await ask(rig, {
    input: [
      [1, 2, 3],
      [4, 5, 6],
    ],
  });
  await ask(rig, { input: 'x' });
  const of = (name: string) => metric(rig, `nv_inference_${name}{model="m",version="1"}`);
  expect(await of('request_success')).toBe(1);
  expect(await of('count')).toBe(2);
  expect(await of('exec_count')).toBe(1);
  expect(await of('request_duration_us')).toBeGreaterThan(0);
  expect(await of('pending_request_count')).toBe(0);
  expect(await metric(rig, 'nv_inference_request_failure{model="m",version="1",reason="OTHER"}')).toBe(1);
});

test('two servers in one process count for themselves', async () => {
  const [first, second] = [await serve(linear()), await serve(linear())];
  await ask(first, { input: [1, 2, 3] });
  expect(await metric(first, 'modelflow_inference_duration_seconds_count')).toBe(1);
  expect(await metric(second, 'modelflow_inference_duration_seconds_count')).toBe(0);
});
