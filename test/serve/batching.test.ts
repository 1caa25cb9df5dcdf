import type { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { measureBatching } from '../../core/serve/batch.ts';
import { type OpenOptions, openModel, type Tensors } from '../../core/serve/index.ts';
import { Lane } from '../../core/serve/lane.ts';
import { identity, linear, mixedRows, slow, sumAndDifference } from './example-models.ts';
import { type GraphSpec, writeModel } from './onnx-model.ts';
import { metric, serve } from './serve-rig.ts';

async function policyOf(graph: GraphSpec, options?: OpenOptions): Promise<number> {
  const model = await openModel(await writeModel(graph), options);
  onTestFinished(() => model.close());
  return (await measureBatching(model)).maxRows;
}

test('requests share runs only where the first dimension is free and rows do not depend on each other', async () => {
  expect(await policyOf(linear())).toBeGreaterThan(1);
  expect(await policyOf(sumAndDifference('float32'))).toBeGreaterThan(1);
  expect(await policyOf(identity('float32', [1, 3]))).toBe(1);
  expect(await policyOf(mixedRows())).toBe(1);
  expect(await policyOf(identity('string'))).toBe(1);
  const total: GraphSpec = {
    ...identity('float32'),
    outputs: [{ name: 'y', dtype: 'float32', shape: [] }],
    nodes: [{ op: 'ReduceSum', inputs: ['x'], outputs: ['y'], attributes: { keepdims: 0 } }],
  };
  expect(await policyOf(total)).toBe(1);
});

test('a model whose cost is its weights shares runs, also in a worker', async () => {
  expect(await policyOf(slow(1024, 16), { where: 'worker' })).toBeGreaterThan(1);
});

/** A model that answers when it is told to, and remembers what it was run with. */
function steppedModel() {
  const runs: { readonly inputs: Tensors; readonly finish: (outcome?: Error) => void }[] = [];
  let onRun: (() => void) | undefined;
  return {
    runs,
    run: (inputs: Tensors) =>
      new Promise<Tensors>((resolve, reject) => {
        runs.push({ inputs, finish: (error) => (error === undefined ? resolve({ y: inputs['x'] ?? fail() }) : reject(error)) });
        onRun?.();
      }),
    /** Resolves when the n-th run has begun. */
    began: async (count: number): Promise<void> => {
      while (runs.length < count) {
        await new Promise<void>((resolve) => {
          onRun = resolve;
        });
      }
    },
  };
}

function fail(): never {
  throw new Error('no input x');
}

const row = (...values: readonly number[]): Tensors => ({
  x: { dtype: 'float32', shape: [values.length, 1], data: Float32Array.from(values) },
});
const waiting = (): boolean => false;
const quiet = { ran: () => {}, waited: () => {} };

test('what arrives during a run shares the next one, in order, up to the limit of rows', async () => {
  const model = steppedModel();
  const lane = new Lane(model.run, { maxRows: 4 }, 100, quiet);
  const answers = [lane.submit(row(1), waiting)];
  await model.began(1);
  answers.push(...[row(2), row(3, 4), row(5), row(6)].map((inputs) => lane.submit(inputs, waiting)));
  expect(lane.depth).toBe(4);
  model.runs[0]?.finish();
  await model.began(2);
  model.runs[1]?.finish();
  await model.began(3);
  model.runs[2]?.finish();
  const sizes = model.runs.map(({ inputs }) => [...(inputs['x']?.data ?? [])]);
  expect(sizes).toEqual([[1], [2, 3, 4, 5], [6]]);
  const values = (await Promise.all(answers)).map(({ y }) => [...(y?.data ?? [])]);
  expect(values).toEqual([[1], [2], [3, 4], [5], [6]]);
});

test('requests of other shapes do not share a run', async () => {
  const model = steppedModel();
  const lane = new Lane(model.run, { maxRows: 8 }, 100, quiet);
  const wide: Tensors = { x: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(8, 9) } };
  const answers = [wide, row(1), row(2)].map((inputs) => lane.submit(inputs, waiting));
  await model.began(1);
  model.runs[0]?.finish();
  await model.began(2);
  model.runs[1]?.finish();
  expect(await Promise.all(answers)).toEqual([{ y: wide['x'] }, { y: row(1)['x'] }, { y: row(2)['x'] }]);
  expect(model.runs.map(({ inputs }) => inputs['x']?.shape)).toEqual([
    [1, 2],
    [2, 1],
  ]);
});

test('a shared run that fails is done again one by one, so that only the guilty request fails', async () => {
  const model = steppedModel();
  const lane = new Lane(model.run, { maxRows: 8 }, 100, quiet);
  const answers = [row(1), row(2)].map((inputs) => lane.submit(inputs, waiting).catch((error: Error) => error.message));
  await model.began(1);
  model.runs[0]?.finish(new Error('bad'));
  await model.began(2);
  model.runs[1]?.finish(new Error('really bad'));
  await model.began(3);
  model.runs[2]?.finish();
  expect(await Promise.all(answers)).toEqual(['the model refused the input: really bad', { y: row(2)['x'] }]);
});

test('a full queue refuses at once, and a request that nobody waits for is not run', async () => {
  const model = steppedModel();
  const lane = new Lane(model.run, { maxRows: 1 }, 2, quiet);
  const first = lane.submit(row(1), waiting);
  await model.began(1);
  let isAbandoned = false;
  void lane.submit(row(2), () => isAbandoned);
  const third = lane.submit(row(3), waiting);
  expect(() => lane.submit(row(4), waiting)).toThrow('the queue is full: 2 requests wait already');
  isAbandoned = true;
  model.runs[0]?.finish();
  await model.began(2);
  model.runs[1]?.finish();
  await Promise.all([first, third]);
  expect(model.runs.map(({ inputs }) => [...(inputs['x']?.data ?? [])])).toEqual([[1], [3]]);
});

test('requests that arrive together share runs, and each gets its own rows', async () => {
  const rig = await serve(linear());
  const numbers = Array.from({ length: 60 }, (_, index) => index);
  // The connections are there before the requests that count: the loop accepts one a turn.
  await Promise.all(numbers.map(() => rig.get('/v2/health/live')));
  const answers = await Promise.all(
    numbers.map((number) =>
      rig.post('/v1/models/m:predict', {
        instances: [
          [number, 0, 0],
          [0, number, 0],
        ],
      }),
    ),
  );
  expect(answers.map(({ json }) => json)).toEqual(
    numbers.map((number) => ({
      predictions: [
        [number + 0.5, 2 * number - 0.5],
        [3 * number + 0.5, 4 * number - 0.5],
      ],
    })),
  );
  expect(await metric(rig, 'modelflow_batch_size_sum')).toBe(120);
  expect(await metric(rig, 'modelflow_batch_size_count')).toBeLessThan(60);
});

const slowInput = { instances: [new Array<number>(1024).fill(1)] };

test('health is answered while an inference runs', async () => {
  const rig = await serve(slow(1024, 400));
  expect(rig.server.where).toBe('worker');
  const order: string[] = [];
  const inference = rig.post('/v1/models/m:predict', slowInput).then(({ status }) => order.push(`inference ${status}`));
  for (let count = 0; count < 5; count += 1) order.push(`live ${(await rig.get('/v2/health/live')).status}`);
  await inference;
  expect(order).toEqual(['live 200', 'live 200', 'live 200', 'live 200', 'live 200', 'inference 200']);
});

test('a request that waits longer than the deadline is 504, one that finds the queue full is 503 and says when to come back', async () => {
  const rig = await serve(slow(1024, 400), { deadlineMs: 1, maxQueue: 1 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => rig.post('/v1/models/m:predict', slowInput)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503, 504]));
  const full = answers.find(({ status }) => status === 503);
  expect(full?.json).toEqual({ error: 'the queue is full: 1 requests wait already' });
  expect(full?.headers.get('retry-after')).toBe('1');
  expect(answers.find(({ status }) => status === 504)?.json).toEqual({ error: 'no answer within the deadline of 1 ms' });
});

test('when the inference thread dies, what it had is 500, the server is not ready, and then it is again', async () => {
  const workers: Worker[] = [];
  const remember = (worker: Worker) => workers.push(worker);
  process.on('worker', remember);
  onTestFinished(() => void process.off('worker', remember));
  const told: string[] = [];
  const rig = await serve(slow(1024, 400), { log: (line) => told.push(line) });
  const answers = [1, 2].map(() => rig.post('/v1/models/m:predict', slowInput));
  while ((await metric(rig, 'modelflow_queue_depth')) !== 1);
  // The first is with the thread, the second still here. No message of ours: the thread does not survive it.
  workers.at(-1)?.postMessage(undefined);
  const [first, second] = await Promise.all(answers);
  expect(first?.status).toBe(200);
  expect(second).toMatchObject({ status: 500, json: { error: expect.stringContaining('the inference thread ended') } });
  expect((await rig.get('/v2/health/ready')).status).toBe(503);
  expect((await rig.get('/v2/health/live')).status).toBe(200);
  expect((await rig.post('/v1/models/m:predict', slowInput)).status).toBe(503);
  while ((await rig.get('/v2/health/ready')).status !== 200);
  expect((await rig.post('/v1/models/m:predict', slowInput)).status).toBe(200);
  expect(told).toEqual([expect.stringContaining('the model is loaded again')]);
});
