import type { Dtype } from './facts.ts';

/** The elements of a tensor: float16 as its bits in a Uint16Array, bool as 0 or 1 in a Uint8Array, string as a list. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | readonly string[];

/** A dense array in row-major (C) order; the first dimension is the batch. No dimensions: a scalar with one element. */
export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}
