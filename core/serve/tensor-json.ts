import type { Dtype } from './facts.ts';
import { halfToNumber, numberToHalf } from './half.ts';
import { excerpt, isObject } from './json.ts';
import { integerRanges, ValueError } from './numbers.ts';
import { elementCount, isStrings, type NumericData, type Tensor, zeros } from './tensor.ts';

export interface ReadOptions {
  /** Infinite numbers are values, and null is NaN: TensorFlow Serving's JSON has them. */
  readonly nonFinite?: boolean;
  /** A string may be given as `{"b64": "…"}`. */
  readonly base64?: boolean;
}

/** No model has tensors of more dimensions. */
const maxRank = 32;

/** The largest number of elements a tensor may declare. */
const maxElements = 2 ** 31 - 1;

/** The shape of nested lists, taken from the first item of each; `fillTensor` checks that the others agree. */
export function shapeOf(value: unknown): readonly number[] {
  const shape: number[] = [];
  let inner = value;
  while (Array.isArray(inner)) {
    if (shape.length === maxRank) throw new ValueError(`lists are nested more than ${maxRank} deep`);
    shape.push(inner.length);
    inner = inner[0];
  }
  return shape;
}

/** Nested lists (or one value) as a tensor of the shape they have. Throws a `ValueError` for ragged lists and values that do not fit. */
export function tensorFromLists(value: unknown, dtype: Dtype, options: ReadOptions = {}): Tensor {
  return fillTensor(value, dtype, shapeOf(value), options);
}

/** Nested or flat lists as a tensor of a declared shape. Throws a `ValueError` when they do not fit it. */
export function tensorOfShape(value: unknown, dtype: Dtype, shape: readonly number[], options: ReadOptions = {}): Tensor {
  checkedCount(shape);
  const found = shapeOf(value);
  const same = found.length === shape.length && found.every((dimension, index) => dimension === shape[index]);
  if (same) return fillTensor(value, dtype, shape, options);
  if (found.length !== 1) throw new ValueError(`the data has shape [${found.join(', ')}], not [${shape.join(', ')}]`);
  if (found[0] !== elementCount(shape)) {
    throw new ValueError(`the data has ${found[0]} elements, shape [${shape.join(', ')}] has ${elementCount(shape)}`);
  }
  return { ...fillTensor(value, dtype, found, options), shape };
}

/** The number of elements of a shape that a client declared. Throws a `ValueError` when it is no shape, or too large. */
export function checkedCount(shape: readonly number[]): number {
  let count = 1;
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new ValueError(`shape [${shape.join(', ')}] has dimensions that are not whole numbers from 0`);
    }
    count *= dimension;
  }
  if (shape.length > maxRank) throw new ValueError(`shape has ${shape.length} dimensions, more than ${maxRank}`);
  if (count > maxElements)
    throw new ValueError(`shape [${shape.join(', ')}] causes total element count to exceed maximum size of ${maxElements}`);
  return count;
}

/** The tensor as JSON text: nested lists, or one flat list. Numbers that JSON has not are null, or TensorFlow Serving's tokens. */
export function tensorToJson(
  tensor: Tensor,
  how: { readonly flat?: boolean; readonly tokens?: boolean; readonly base64?: boolean } = {},
): string {
  const write = rowWriter(tensor, how.tokens ?? false, how.base64 ?? false);
  const length = elementCount(tensor.shape);
  if (how.flat) return `[${write(0, length)}]`;
  if (tensor.shape.length === 0) return write(0, 1);
  const nest = (axis: number, from: number, to: number): string => {
    if (axis === tensor.shape.length - 1) return `[${write(from, to)}]`;
    const count = tensor.shape[axis] ?? 0;
    const step = count === 0 ? 0 : (to - from) / count;
    const rows = Array.from({ length: count }, (_, row) => nest(axis + 1, from + row * step, from + (row + 1) * step));
    return `[${rows.join(',')}]`;
  };
  return nest(0, 0, length);
}

/** Writes the elements from one index to another, comma between them. */
function rowWriter({ dtype, data }: Tensor, tokens: boolean, base64: boolean): (from: number, to: number) => string {
  if (isStrings(data)) {
    const text = (value: string) => JSON.stringify(base64 ? { b64: Buffer.from(value).toString('base64') } : value);
    return (from, to) => data.slice(from, to).map(text).join(',');
  }
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return (from, to) => data.subarray(from, to).join(',');
  if (dtype === 'bool') return (from, to) => Array.from(data.subarray(from, to), (value) => (value ? 'true' : 'false')).join(',');
  const numbers = dtype === 'float16' ? Float32Array.from(data, halfToNumber) : data;
  if (tokens && hasNonFinite(numbers)) return (from, to) => numbers.subarray(from, to).join(',');
  return (from, to) => JSON.stringify(Array.from(numbers.subarray(from, to))).slice(1, -1);
}

function fillTensor(value: unknown, dtype: Dtype, shape: readonly number[], options: ReadOptions): Tensor {
  if (!Array.isArray(value)) return { dtype, shape: [], data: readRow([value], dtype, [], options) };
  if (shape.length === 1) return { dtype, shape, data: readRow(value, dtype, [], options) };
  // Before anything is allocated: a first row may promise far more than the others hold.
  checkLengths(value, shape, []);
  const strings: string[] = [];
  const numbers = dtype === 'string' ? undefined : zeros(dtype, checkedCount(shape));
  let at = 0;
  const fill = (list: readonly unknown[], place: readonly number[]): void => {
    if (place.length === shape.length - 1) {
      const row = readRow(list, dtype, place, options);
      if (isStrings(row)) for (const item of row) strings.push(item);
      else numbers?.set(row as never, at);
      at += list.length;
      return;
    }
    list.forEach((item, index) => {
      fill(item as readonly unknown[], [...place, index]);
    });
  };
  fill(value, []);
  return { dtype, shape, data: numbers ?? strings };
}

function checkLengths(list: readonly unknown[], shape: readonly number[], place: readonly number[]): void {
  if (place.length === shape.length - 1) return;
  const length = shape[place.length + 1] ?? 0;
  list.forEach((item, index) => {
    const inner = [...place, index];
    const where = `[${inner.join(', ')}]`;
    if (!Array.isArray(item)) throw new ValueError(`the lists are ragged: ${excerpt(item)} at ${where} is no list`);
    if (item.length !== length) {
      throw new ValueError(`the lists are ragged: the one at ${where} has ${item.length} items, the first has ${length}`);
    }
    checkLengths(item, shape, inner);
  });
}

/** One innermost list. */
function readRow(list: readonly unknown[], dtype: Dtype, place: readonly number[], options: ReadOptions): NumericData | readonly string[] {
  const wrong = (index: number): ValueError => {
    const at = list.length === 1 && place.length === 0 ? '' : ` at [${[...place, index].join(', ')}]`;
    return new ValueError(`${excerpt(list[index])}${at} is not a value of ${dtype}`);
  };
  if (dtype === 'string') return list.map((item, index) => readString(item, options) ?? raise(wrong(index)));
  const data = zeros(dtype, list.length);
  const bad =
    data instanceof BigInt64Array || data instanceof BigUint64Array
      ? fillBigInts(list, data, dtype)
      : fillNumbers(list, data, dtype, options);
  if (bad >= 0) throw wrong(bad);
  return data;
}

type SmallData = Exclude<NumericData, BigInt64Array | BigUint64Array>;

/** The index of the first value that does not fit, or −1. */
function fillNumbers(list: readonly unknown[], data: SmallData, dtype: Dtype, options: ReadOptions): number {
  if (dtype === 'float32' || dtype === 'float64' || dtype === 'float16') return fillFloats(list, data, dtype, options.nonFinite ?? false);
  const [low, high] = integerRanges[dtype] ?? [0n, 1n];
  const [least, most] = [Number(low), Number(high)];
  for (let index = 0; index < list.length; index += 1) {
    const item = list[index];
    if (dtype === 'bool') {
      if (typeof item !== 'boolean') return index;
      data[index] = item ? 1 : 0;
    } else {
      if (typeof item !== 'number' || !Number.isInteger(item) || item < least || item > most) return index;
      data[index] = item;
    }
  }
  return -1;
}

function fillFloats(list: readonly unknown[], data: SmallData, dtype: Dtype, nonFinite: boolean): number {
  const half = dtype === 'float16';
  for (let index = 0; index < list.length; index += 1) {
    const item = list[index];
    const value =
      typeof item === 'number' ? item : typeof item === 'bigint' ? Number(item) : nonFinite && item === null ? Number.NaN : undefined;
    if (value === undefined) return index;
    const stored = half ? numberToHalf(value) : value;
    data[index] = stored;
    // 1e39 is a fine number, but no float32.
    const kept = half ? halfToNumber(stored) : (data[index] ?? 0);
    if (!Number.isFinite(kept) && !(nonFinite && !Number.isFinite(value))) return index;
  }
  return -1;
}

function fillBigInts(list: readonly unknown[], data: BigInt64Array | BigUint64Array, dtype: Dtype): number {
  const [low, high] = integerRanges[dtype] ?? [0n, 0n];
  for (let index = 0; index < list.length; index += 1) {
    const item = list[index];
    const whole = typeof item === 'bigint' ? item : typeof item === 'number' && Number.isInteger(item) ? BigInt(item) : undefined;
    if (whole === undefined || whole < low || whole > high) return index;
    data[index] = whole;
  }
  return -1;
}

function readString(item: unknown, { base64 = false }: ReadOptions): string | undefined {
  if (typeof item === 'string') return item;
  if (!base64 || !isObject(item) || typeof item['b64'] !== 'string') return undefined;
  const bytes = Buffer.from(item['b64'], 'base64');
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw new ValueError('a base64 value is not UTF-8 text; other bytes cannot be given to a model');
  return text;
}

function hasNonFinite(numbers: ArrayLike<number>): boolean {
  for (let index = 0; index < numbers.length; index += 1) if (!Number.isFinite(numbers[index])) return true;
  return false;
}

function raise(error: Error): never {
  throw error;
}
