import type { Dtype } from '../../core/serve/index.ts';
import type { GraphSpec } from './onnx-model.ts';

/** output = input, for any element type and shape. */
export function identity(dtype: Dtype, shape: readonly (number | string)[] = ['N', 3]): GraphSpec {
  return {
    inputs: [{ name: 'x', dtype, shape }],
    outputs: [{ name: 'y', dtype, shape }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  };
}

/** y = x · W + b: [N, 3] → [N, 2], W = [[1, 2], [3, 4], [5, 6]], b = [0.5, −0.5]. */
export function linear(): GraphSpec {
  return {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['xw'] },
      { op: 'Add', inputs: ['xw', 'b'], outputs: ['y'] },
    ],
    initializers: [
      { name: 'w', dtype: 'float32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
      { name: 'b', dtype: 'float32', shape: [2], data: Float32Array.of(0.5, -0.5) },
    ],
  };
}

/** sum = a + b and difference = a − b, both [N, 2]. */
export function sumAndDifference(dtype: Dtype = 'int32'): GraphSpec {
  const value = (name: string) => ({ name, dtype, shape: ['N', 2] });
  return {
    inputs: [value('a'), value('b')],
    outputs: [value('sum'), value('difference')],
    nodes: [
      { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
      { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] },
    ],
  };
}

/** Every row of the output depends on every row of the input: a softmax over the first axis. */
export function mixedRows(): GraphSpec {
  return {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 3] }],
    nodes: [{ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } }],
  };
}

/** x → x · W twenty times over, [N, size] → [N, size]: milliseconds a run, enough to notice on any machine. */
export function slow(size = 768, layers = 20): GraphSpec {
  const weights = new Float32Array(size * size);
  for (let index = 0; index < size; index += 1) weights[index * size + index] = 1;
  const name = (layer: number): string => (layer === 0 ? 'x' : layer === layers ? 'y' : `h${layer}`);
  return {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', size] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', size] }],
    nodes: Array.from({ length: layers }, (_, layer) => ({ op: 'MatMul', inputs: [name(layer), 'w'], outputs: [name(layer + 1)] })),
    initializers: [{ name: 'w', dtype: 'float32', shape: [size, size], data: weights }],
  };
}

/** 784 → 128 → 10 with a ReLU and a softmax, the size of a digits classifier; the weights are arbitrary. */
export function perceptron(): GraphSpec {
  const weights = (length: number): Float32Array => Float32Array.from({ length }, (_, index) => Math.sin(index) / 10);
  return {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 784] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 10] }],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w1'], outputs: ['h1'] },
      { op: 'Relu', inputs: ['h1'], outputs: ['h2'] },
      { op: 'MatMul', inputs: ['h2', 'w2'], outputs: ['h3'] },
      { op: 'Softmax', inputs: ['h3'], outputs: ['y'], attributes: { axis: 1 } },
    ],
    initializers: [
      { name: 'w1', dtype: 'float32', shape: [784, 128], data: weights(784 * 128) },
      { name: 'w2', dtype: 'float32', shape: [128, 10], data: weights(1280) },
    ],
  };
}
