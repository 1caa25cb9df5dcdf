import type { OpenModel } from './model.ts';
import { castTo } from './numbers.ts';
import { copyOf, elementCount, isStrings, type Tensor, type Tensors, zeros } from './tensor.ts';
import { madeUp } from './warm-up.ts';

/** How requests of this model may share a run. */
export interface BatchPolicy {
  /** The most rows of one run; 1: every request runs alone. */
  readonly maxRows: number;
}

/** A run on the HTTP thread stops everything else there, so batches stay below this. */
const longestOnMainMs = 4;

/** In a worker a batch may take as long as this many lone runs: what arrives meanwhile waits for it. */
const longestInWorker = 8;

/** Rows measured for whether a batch is cheaper than its rows alone. */
const trialRows = 8;

/**
 * Whether requests may share a run, measured: all inputs and outputs have a free first dimension, rows computed together are the same as
 * rows computed alone (a softmax over the batch, an LSTM over time or a dynamically quantized layer would mix strangers' requests),
 * and together they cost clearly less than alone.
 */
export async function measureBatching(model: OpenModel, limit = 32): Promise<BatchPolicy> {
  const alone: BatchPolicy = { maxRows: 1 };
  const { signature, quickestMs, run } = model;
  const free = [...signature.inputs, ...signature.outputs].every((tensor) => tensor.shape.length > 0 && tensor.shape[0] === null);
  const numeric = [...signature.inputs, ...signature.outputs].every((tensor) => tensor.dtype !== 'string');
  if (!free || !numeric || quickestMs === undefined) return alone;
  try {
    if (!(await rowsAreIndependent(model))) return alone;
    const together = await quickest(() => run(madeUp(signature, trialRows)));
    const perRowMs = together / trialRows;
    // On the HTTP thread the fixed cost of a run is most of a tiny one; in a worker the batch has to earn the wait.
    if (perRowMs > quickestMs * 0.8) return alone;
    const longestMs = model.where === 'main' ? longestOnMainMs : longestInWorker * quickestMs;
    return { maxRows: Math.max(1, Math.min(limit, Math.floor(longestMs / perRowMs))) };
  } catch {
    // The model takes one made-up row but not several: it has no batch.
    return alone;
  }
}

/** Joins the inputs of several requests along the first axis. All must have the same names, types and inner shapes. */
export function joinRows(requests: readonly Tensors[]): Tensors {
  const [first] = requests;
  if (first === undefined || requests.length === 1) return first ?? {};
  const joined: Record<string, Tensor> = {};
  for (const name of Object.keys(first)) {
    joined[name] = concatenate(requests.flatMap((request) => request[name] ?? []));
  }
  return joined;
}

/** The rows from one to another of every tensor, in memory of their own. Throws when a tensor has other than `total` rows. */
export function takeRows(tensors: Tensors, from: number, to: number, total: number): Tensors {
  const taken: Record<string, Tensor> = {};
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    if (shape[0] !== total) throw new Error(`output ${JSON.stringify(name)} has ${shape[0]} rows for a batch of ${total}`);
    const width = elementCount(shape.slice(1));
    const rows = isStrings(data) ? data.slice(from * width, to * width) : copyOf(data, from * width, to * width);
    taken[name] = { dtype, shape: [to - from, ...shape.slice(1)], data: rows };
  }
  return taken;
}

function concatenate(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new Error('nothing to join');
  const rows = tensors.reduce((sum, tensor) => sum + (tensor.shape[0] ?? 0), 0);
  const shape = [rows, ...first.shape.slice(1)];
  if (first.dtype === 'string')
    return { dtype: 'string', shape, data: tensors.flatMap((tensor) => (isStrings(tensor.data) ? tensor.data : [])) };
  const data = zeros(first.dtype, elementCount(shape));
  let at = 0;
  for (const tensor of tensors) {
    // All are of one dtype, so the arrays are of one class.
    if (!isStrings(tensor.data)) data.set(tensor.data as never, at);
    at += tensor.data.length;
  }
  return { dtype: first.dtype, shape, data };
}

async function rowsAreIndependent({ signature, run }: OpenModel): Promise<boolean> {
  const rows = [0.1, 0.9, 0.4, 0.7].map((seed) => scattered(signature, seed));
  const together = await run(joinRows(rows));
  for (const [index, row] of rows.entries()) {
    const alone = await run(row);
    const part = takeRows(together, index, index + 1, rows.length);
    for (const [name, tensor] of Object.entries(alone)) {
      const other = part[name];
      if (other === undefined || !isClose(tensor, other)) return false;
    }
  }
  return true;
}

/** One row of values that differ from element to element and from seed to seed; whole numbers are 0 and 1, which any vocabulary has. */
function scattered(signature: OpenModel['signature'], seed: number): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const [name, { dtype, shape, data }] of Object.entries(madeUp(signature, 1))) {
    const isFloat = dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
    const value = (index: number): number => (seed * 7.31 + index * 0.618_034) % 1;
    const values = Float64Array.from({ length: data.length }, (_, index) => (isFloat ? value(index) : Math.round(value(index))));
    tensors[name] = castTo({ dtype: 'float64', shape, data: values }, dtype);
  }
  return tensors;
}

/** Other kernels may run for other batch sizes, so that the last bits differ; a mixed-up row differs by far more. */
function isClose(left: Tensor, right: Tensor): boolean {
  if (left.data.length !== right.data.length) return false;
  const [a, b] = [castTo(left, 'float64').data, castTo(right, 'float64').data];
  for (let index = 0; index < a.length; index += 1) {
    const [x, y] = [Number(a[index]), Number(b[index])];
    const same = Object.is(x, y) || Math.abs(x - y) <= 1e-5 + 1e-3 * Math.abs(x);
    if (!same) return false;
  }
  return true;
}

async function quickest(run: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 4; count += 1) {
    const from = performance.now();
    await run();
    best = Math.min(best, performance.now() - from);
  }
  return best;
}
