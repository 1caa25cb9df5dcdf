import type { Signature, TensorSpec } from './facts.ts';
import { elementBytes, elementCount, type Tensor, type Tensors, zeros } from './tensor.ts';

/** What a few runs on made-up inputs told. */
export interface WarmUp {
  /** The quickest of the runs; undefined when the model takes no made-up inputs, so that its cost is not known. */
  readonly quickestMs: number | undefined;
  /** Shapes of the outputs of one run. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

type Run = (inputs: Tensors) => Promise<Tensors>;

/**
 * Runs the model on zeros, one row, until it is warm: the first run allocates and is no measure of the rest.
 * Stops early when a run is slow. A model that refuses the inputs is not an error: its free dimensions may not be 1.
 */
export async function warmUp(signature: Signature, run: Run): Promise<WarmUp> {
  const inputs = madeUp(signature, 1);
  const started = performance.now();
  let quickestMs: number | undefined;
  let shapes: WarmUp['shapes'] = {};
  for (let count = 0; count < 8; count += 1) {
    const from = performance.now();
    try {
      const outputs = await run(inputs);
      shapes = Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output.shape]));
    } catch {
      return { quickestMs, shapes };
    }
    const now = performance.now();
    quickestMs = Math.min(quickestMs ?? Number.POSITIVE_INFINITY, now - from);
    if (now - started > 200) break;
  }
  return { quickestMs, shapes };
}

/** Zeros in the shape of every input; free dimensions are 1 but for the first, which is `rows`. */
export function madeUp(signature: Signature, rows: number): Tensors {
  return Object.fromEntries(signature.inputs.map((input) => [input.name, zeroTensor(input, rows)]));
}

/** The runtime gives no shape at all for an output of unknown rank; what a run gave tells at least the rank. */
export function withRanks(signature: Signature, shapes: WarmUp['shapes']): Signature {
  const outputs = signature.outputs.map((output) => {
    const seen = shapes[output.name];
    if (output.shape.length > 0 || seen === undefined) return output;
    return { ...output, shape: seen.map(() => null) };
  });
  return { ...signature, outputs };
}

function zeroTensor({ dtype, shape }: TensorSpec, rows: number): Tensor {
  const filled = shape.map((dimension, index) => dimension ?? (index === 0 ? rows : 1));
  const length = elementCount(filled);
  if (dtype === 'string') return { dtype, shape: filled, data: new Array<string>(length).fill('') };
  if (length * elementBytes[dtype] > 2 ** 31) throw new Error(`an input of shape [${filled.join(', ')}] is too large`);
  return { dtype, shape: filled, data: zeros(dtype, length) };
}
