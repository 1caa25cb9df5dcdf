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

/** Tensors by the names of the inputs or outputs they belong to. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Every kind of tensor data that lies in one block of bytes. */
export type NumericData = Exclude<TensorData, readonly string[]>;

/** Bytes of one element; a string has no fixed size: 0. */
export const elementBytes: Readonly<Record<Dtype, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
  string: 0,
};

/** Whether the elements are strings. */
export function isStrings(data: TensorData): data is readonly string[] {
  return Array.isArray(data);
}

/** The number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** A view of bytes as elements of a dtype, little-endian as every machine Node runs on. The bytes must be aligned to the element. */
export function viewBytes(dtype: Exclude<Dtype, 'string'>, buffer: ArrayBufferLike, byteOffset: number, length: number): NumericData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'int16':
      return new Int16Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer, byteOffset, length);
    case 'uint16':
    case 'float16':
      return new Uint16Array(buffer, byteOffset, length);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, length);
    case 'uint64':
      return new BigUint64Array(buffer, byteOffset, length);
    default:
      return unreachable(dtype);
  }
}

/** New elements of a dtype, all zero. */
export function zeros(dtype: Exclude<Dtype, 'string'>, length: number): NumericData {
  return viewBytes(dtype, new ArrayBuffer(length * elementBytes[dtype]), 0, length);
}

/** The bytes under the elements, without a copy. */
export function bytesOf(data: NumericData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The elements from one index to another, in memory of their own. */
export function copyOf(data: NumericData, from = 0, to = data.length): NumericData {
  // A Buffer is a Uint8Array whose own `slice` shares the memory.
  return data instanceof Uint8Array ? Uint8Array.prototype.slice.call(data, from, to) : data.slice(from, to);
}

/** Ends a switch over a closed union: a new member fails to compile here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
