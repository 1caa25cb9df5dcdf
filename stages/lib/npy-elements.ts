import { endianness } from 'node:os';
import { type Dtype, isStrings, type Tensor, type TensorData } from '../../core/serve/index.ts';
import { type NpyHeader, unreadable } from './npy-header.ts';

/** Rows `from` (included) to `to` (excluded) along the first dimension: a view of the same memory, strings excepted. */
export function rowsOf(tensor: Tensor, from: number, to: number): Tensor {
  const [rows = 0, ...rest] = tensor.shape;
  const first = Math.min(Math.max(from, 0), rows);
  const last = Math.min(Math.max(to, first), rows);
  const perRow = rest.reduce((product, size) => product * size, 1);
  const data = isStrings(tensor.data)
    ? tensor.data.slice(first * perRow, last * perRow)
    : tensor.data.subarray(first * perRow, last * perRow);
  return { dtype: tensor.dtype, shape: [last - first, ...rest], data };
}

export function checkLength(header: NpyHeader, gotBytes: number, name: string): void {
  if (gotBytes >= header.dataBytes) return;
  const shape = `(${header.shape.join(', ')})`;
  throw unreadable(name, `the file is cut short: ${header.dtype} ${shape} needs ${header.dataBytes} bytes, and ${gotBytes} are there`);
}

/** Elements as the header describes them → a tensor of `shape`. Takes `bytes` over: they may be changed, and the tensor may be a view. */
export function decodeElements(header: NpyHeader, bytes: Uint8Array, shape: readonly number[], name: string): Tensor {
  const ordered = header.fortranOrder && shape.length > 1 ? toRowMajor(bytes, shape, header.itemBytes) : bytes;
  if (header.text !== undefined) return { dtype: 'string', shape, data: decodeStrings(header, ordered, name) };
  const wordBytes = header.itemBytes;
  swapUnless(ordered, wordBytes, header.bigEndian);
  if (header.dtype === 'bool') for (const [index, value] of ordered.entries()) if (value > 1) ordered[index] = 1;
  return { dtype: header.dtype, shape, data: viewAs(header.dtype, ordered) };
}

/** Make the bytes those of this machine: the same swap serves reading and writing. */
function swapUnless(bytes: Uint8Array, wordBytes: number, bigEndian: boolean): void {
  if (bigEndian === (endianness() === 'BE') || wordBytes === 1) return;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (wordBytes === 2) buffer.swap16();
  else if (wordBytes === 4) buffer.swap32();
  else buffer.swap64();
}

/** The typed array for a dtype over these bytes, which begin at a multiple of 8 in their buffer. */
function viewAs(dtype: Dtype, bytes: Uint8Array): Exclude<TensorData, readonly string[]> {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case 'float64':
      return new Float64Array(buffer, byteOffset, byteLength / 8);
    case 'int8':
      return new Int8Array(buffer, byteOffset, byteLength);
    case 'int16':
      return new Int16Array(buffer, byteOffset, byteLength / 2);
    case 'int32':
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, byteLength / 8);
    case 'float16':
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, byteLength / 2);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, byteLength / 4);
    case 'uint64':
      return new BigUint64Array(buffer, byteOffset, byteLength / 8);
    case 'uint8':
    case 'bool':
    case 'string':
      return bytes;
  }
}

function toRowMajor(bytes: Uint8Array, shape: readonly number[], itemBytes: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  if (bytes.length === 0) return out;
  // The last dimension is innermost in the result, and `step` items apart in the source.
  const steps = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  const index = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let target = 0; target < bytes.length; target += itemBytes) {
    const from = source * itemBytes;
    for (let byte = 0; byte < itemBytes; byte++) out[target + byte] = bytes[from + byte] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      source += steps[axis] ?? 0;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        break;
      }
      source -= next * (steps[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return out;
}

function decodeStrings(header: NpyHeader, bytes: Uint8Array, name: string): readonly string[] {
  const strings: string[] = [];
  const read = header.text === 'U' ? unicodeReader(bytes, header, name) : bytesReader(bytes, header, name);
  for (let offset = 0; offset < bytes.length; offset += header.itemBytes) strings.push(read(offset));
  return strings;
}

function unicodeReader(bytes: Uint8Array, header: NpyHeader, name: string): (offset: number) => string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (offset) => {
    let end = offset + header.itemBytes;
    while (end > offset && view.getUint32(end - 4) === 0) end -= 4;
    let text = '';
    for (let at = offset; at < end; at += 4) {
      const point = view.getUint32(at, !header.bigEndian);
      if (point > 0x10ffff) throw unreadable(name, `a string holds ${point.toString(16)}, which is no Unicode character`);
      text += String.fromCodePoint(point);
    }
    return text;
  };
}

function bytesReader(bytes: Uint8Array, header: NpyHeader, name: string): (offset: number) => string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return (offset) => {
    let end = offset + header.itemBytes;
    while (end > offset && bytes[end - 1] === 0) end--;
    try {
      return decoder.decode(bytes.subarray(offset, end));
    } catch (cause) {
      throw unreadable(name, 'a byte string is not UTF-8 text', 'Save it as unicode strings: array.astype(str).', cause);
    }
  };
}

/** Code points of the longest string, at least 1. */
export function widthOf(strings: readonly string[]): number {
  return strings.reduce((widest, text) => Math.max(widest, [...text].length), 1);
}

/** The elements as they stand in a little-endian file; `width` is that of strings, in code points. A view where it can be. */
export function encodeElements(tensor: Tensor, width: number): Uint8Array {
  const { data } = tensor;
  if (!isStrings(data)) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (endianness() === 'LE') return bytes;
    const swapped = Uint8Array.from(bytes);
    swapUnless(swapped, data.BYTES_PER_ELEMENT, false);
    return swapped;
  }
  const view = new DataView(new ArrayBuffer(data.length * width * 4));
  data.forEach((text, row) => {
    [...text].forEach((character, column) => {
      view.setUint32((row * width + column) * 4, character.codePointAt(0) ?? 0, true);
    });
  });
  return new Uint8Array(view.buffer);
}
