import type { Dtype } from './facts.ts';
import { halfToNumber, numberToHalf } from './half.ts';
import { isStrings, type NumericData, type Tensor, zeros } from './tensor.ts';

/** The whole numbers that an integer type holds. */
export const integerRanges: Readonly<Partial<Record<Dtype, readonly [low: bigint, high: bigint]>>> = {
  int8: [-128n, 127n],
  int16: [-32_768n, 32_767n],
  int32: [-2_147_483_648n, 2_147_483_647n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint8: [0n, 255n],
  uint16: [0n, 65_535n],
  uint32: [0n, 4_294_967_295n],
  uint64: [0n, 2n ** 64n - 1n],
};

/** Values did not fit what was asked of them; the message says which and why. */
export class ValueError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ValueError';
  }
}

/** The elements as numbers: float16 is decoded, 64-bit integers lose what is beyond 2^53. Throws a `ValueError` for strings. */
export function toNumbers(tensor: Tensor): Exclude<NumericData, BigInt64Array | BigUint64Array> {
  const { data, dtype } = tensor;
  if (isStrings(data)) throw new ValueError('strings cannot be used as numbers');
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  if (dtype === 'float16') return Float32Array.from(data, halfToNumber);
  return data;
}

/** The tensor with elements of another type. Throws a `ValueError` where a value would not survive: fractions, range, strings. */
export function castTo(tensor: Tensor, dtype: Dtype): Tensor {
  if (tensor.dtype === dtype) return tensor;
  if (dtype === 'string' || tensor.dtype === 'string') throw new ValueError(`${tensor.dtype} values cannot be used as ${dtype}`);
  if (dtype === 'int64' || dtype === 'uint64') return { dtype, shape: tensor.shape, data: toBigInts(tensor, dtype) };
  const numbers = toNumbers(tensor);
  const { shape } = tensor;
  if (dtype === 'float32') return { dtype, shape, data: Float32Array.from(numbers) };
  if (dtype === 'float64') return { dtype, shape, data: Float64Array.from(numbers) };
  if (dtype === 'float16') return { dtype, shape, data: Uint16Array.from(numbers, numberToHalf) };
  const [low, high] = integerRanges[dtype] ?? [0n, 1n];
  const data = zeros(dtype, numbers.length) as Exclude<NumericData, BigInt64Array | BigUint64Array>;
  for (let index = 0; index < numbers.length; index += 1) {
    const value = numbers[index] ?? 0;
    if (!Number.isInteger(value) || value < Number(low) || value > Number(high))
      throw new ValueError(`${value} is not a value of ${dtype}`);
    data[index] = value;
  }
  return { dtype, shape, data };
}

function toBigInts(tensor: Tensor, dtype: 'int64' | 'uint64'): BigInt64Array | BigUint64Array {
  if (isStrings(tensor.data)) throw new ValueError(`strings cannot be used as ${dtype}`);
  const source = tensor.dtype === 'float16' ? toNumbers(tensor) : tensor.data;
  const [low, high] = integerRanges[dtype] ?? [0n, 0n];
  const data = dtype === 'int64' ? new BigInt64Array(source.length) : new BigUint64Array(source.length);
  for (let index = 0; index < source.length; index += 1) {
    const value = source[index] ?? 0;
    if (typeof value === 'number' && !Number.isInteger(value)) throw new ValueError(`${value} is not a value of ${dtype}`);
    const whole = BigInt(value);
    if (whole < low || whole > high) throw new ValueError(`${whole} is not a value of ${dtype}`);
    data[index] = whole;
  }
  return data;
}
