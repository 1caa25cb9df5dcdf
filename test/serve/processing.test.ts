import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  castTo,
  type Dtype,
  halfToNumber,
  numberToHalf,
  Processing,
  type ProcessingInput,
  postprocess,
  preprocess,
  type Tensor,
  type TensorSpec,
} from '../../core/serve/index.ts';

const spec = (shape: readonly (number | null)[], dtype: Dtype = 'float32'): TensorSpec => ({ name: 'x', dtype, shape: [...shape] });
const bytes = (shape: readonly number[], values: readonly number[]): Tensor => ({ dtype: 'uint8', shape, data: Uint8Array.from(values) });
const floats = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
const count = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

function prepare(processing: ProcessingInput, to: TensorSpec, raw: Tensor): Tensor {
  return preprocess(Processing.parse(processing), to, raw);
}

test('values are scaled, then centred, then divided, and end as what the model takes', () => {
  const processing = { input: { scale: 0.5, mean: [1], std: [4] } };
  expect(prepare(processing, spec([null, 2]), bytes([1, 2], [10, 0]))).toEqual(floats([1, 2], [1, -0.25]));
  expect(prepare(processing, spec([null, 2], 'float64'), bytes([1, 2], [10, 0])).data).toEqual(Float64Array.of(1, -0.25));
});

test('mean and std are per channel, the last axis of raw rows, flattened images too', () => {
  const processing = { input: { mean: [1, 2, 3], std: [1, 2, 4], image: { width: 2, height: 1, channels: 3 as const } } };
  const expected = [0, 0, 0, 3, 1.5, 0.75];
  expect(prepare(processing, spec([null, 1, 2, 3]), bytes([1, 1, 2, 3], [1, 2, 3, 4, 5, 6])).data).toEqual(Float32Array.from(expected));
  expect(prepare(processing, spec([null, 6]), bytes([1, 6], [1, 2, 3, 4, 5, 6])).data).toEqual(Float32Array.from(expected));
  expect(() => prepare({ input: { mean: [1, 2] } }, spec([null, 3]), bytes([1, 3], [1, 2, 3]))).toThrow(/mean has 2 numbers.*\[1, 3\]/);
});

test('NCHW moves the channels of every row in front of its pixels', () => {
  const raw = bytes([2, 1, 2, 3], [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112]);
  const moved = prepare({ input: { layout: 'NCHW' } }, spec([null, 3, 1, 2], 'uint8'), raw);
  expect(moved).toEqual(bytes([2, 3, 1, 2], [0, 10, 1, 11, 2, 12, 100, 110, 101, 111, 102, 112]));
});

test('one channel fits every layout, with and without its axis', () => {
  const raw = bytes([1, 2, 2], [1, 2, 3, 4]);
  expect(prepare({ input: { layout: 'NCHW' } }, spec([null, 1, 2, 2], 'uint8'), raw).shape).toEqual([1, 1, 2, 2]);
  expect(prepare({ input: { layout: 'NHWC' } }, spec([null, 2, 2, 1], 'uint8'), raw).shape).toEqual([1, 2, 2, 1]);
  expect(prepare({ input: { layout: 'NHW' } }, spec([null, 2, 2], 'uint8'), bytes([1, 2, 2, 1], [1, 2, 3, 4])).shape).toEqual([1, 2, 2]);
  expect(prepare({}, spec([null, 4], 'uint8'), raw).shape).toEqual([1, 4]);
  expect(() => prepare({ input: { layout: 'NHW' } }, spec([null, 1, 1]), bytes([1, 1, 1, 3], [1, 2, 3]))).toThrow(/one channel/);
});

test('rows that do not fit are refused with both shapes', () => {
  expect(() => prepare({}, spec([null, 5]), floats([2, 3], count(6)))).toThrow(
    'it takes rows of shape [5] (float32 [-1, 5]), the rows have shape [3]',
  );
  expect(() => prepare({}, spec([1, 3]), floats([2, 3], count(6)))).toThrow('takes 1 rows at a time, 2 were given');
  expect(() => prepare({}, spec([null, null, 4]), floats([1, 2, 3], count(6)))).toThrow(
    'it takes rows of shape [-1, 4] (float32 [-1, -1, 4]), the rows have shape [2, 3]',
  );
});

test('free dimensions take what comes, and dimensions of one come and go', () => {
  expect(prepare({}, spec([null, null]), floats([2, 3], count(6))).shape).toEqual([2, 3]);
  expect(prepare({}, spec([null, null, null, 1]), floats([1, 2, 3], count(6))).shape).toEqual([1, 2, 3, 1]);
  expect(prepare({}, spec([null, null]), floats([2, 3, 1], count(6))).shape).toEqual([2, 3]);
});

test('a cast that would lose something is refused', () => {
  expect(() => castTo(floats([1], [1.5]), 'int32')).toThrow('1.5 is not a value of int32');
  expect(() => castTo(floats([1], [300]), 'uint8')).toThrow('300 is not a value of uint8');
  expect(() => castTo(floats([1], [-1]), 'uint64')).toThrow('-1 is not a value of uint64');
  expect(() => castTo(floats([1], [Number.NaN]), 'int64')).toThrow('NaN is not a value of int64');
  expect(() => castTo({ dtype: 'string', shape: [1], data: ['1'] }, 'float32')).toThrow('string values cannot be used as float32');
  expect(castTo({ dtype: 'int64', shape: [1], data: BigInt64Array.of(7n) }, 'float32').data).toEqual(Float32Array.of(7));
  expect(castTo(floats([1], [7]), 'int64').data).toEqual(BigInt64Array.of(7n));
});

test('softmax is over the last axis of every row and survives large logits', () => {
  const processing = Processing.parse({ output: { activation: 'softmax' } });
  const { data } = postprocess(processing, floats([2, 2], [1000, 1000, 0, Math.log(3)]));
  expect([...data].map((value) => Math.round(Number(value) * 1e6) / 1e6)).toEqual([0.5, 0.5, 0.25, 0.75]);
});

test('sigmoid is element by element, and whole numbers have no activation', () => {
  const processing = Processing.parse({ output: { activation: 'sigmoid' } });
  expect(postprocess(processing, floats([1, 3], [0, 1000, -1000])).data).toEqual(Float32Array.of(0.5, 1, 0));
  expect(() => postprocess(processing, { dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) })).toThrow('the output is int64');
  expect(postprocess(Processing.parse({}), floats([1], [3])).data).toEqual(Float32Array.of(3));
});

test('every bit pattern of a half is the number that the IEEE says', () => {
  // float32 arithmetic on exactly representable parts is the reference: sign · 2^e · (1 + f / 1024).
  for (let bits = 0; bits < 0x10000; bits += 1) {
    const value = halfToNumber(bits);
    if (Number.isNaN(value)) expect(bits & 0x7fff).toBeGreaterThan(0x7c00);
    else expect(numberToHalf(value)).toBe(bits);
  }
  expect(halfToNumber(0x3c01)).toBe(1 + 2 ** -10);
  expect(halfToNumber(0x7bff)).toBe(65504);
  expect(halfToNumber(0x8001)).toBe(-(2 ** -24));
});

test('numbers round to the nearest half, ties to even', () => {
  fc.assert(
    fc.property(fc.double({ min: -70_000, max: 70_000, noNaN: true }), (value) => {
      const bits = numberToHalf(value);
      const found = halfToNumber(bits);
      if (Math.abs(value) >= 65520) return Math.abs(found) === Number.POSITIVE_INFINITY;
      const neighbours = [bits - 1, bits + 1].filter((other) => (other & 0x7fff) < 0x7c00 && other >= 0).map(halfToNumber);
      return neighbours.every((other) => Math.abs(found - value) <= Math.abs(other - value));
    }),
  );
  expect(numberToHalf(1 + 2 ** -11)).toBe(0x3c00);
  expect(numberToHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
  expect(numberToHalf(65519.9)).toBe(0x7bff);
  expect(numberToHalf(65520)).toBe(0x7c00);
  expect(numberToHalf(2 ** -25)).toBe(0);
  expect(numberToHalf(2 ** -14 * (1 - 2 ** -12))).toBe(0x0400);
});
