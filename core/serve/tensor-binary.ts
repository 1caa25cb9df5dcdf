import { isUtf8 } from 'node:buffer';
import type { Dtype } from './facts.ts';
import { ValueError } from './numbers.ts';
import { bytesOf, elementBytes, isStrings, type Tensor, viewBytes } from './tensor.ts';
import { checkedCount } from './tensor-json.ts';

/** Datatypes of the Open Inference Protocol. */
const names: Readonly<Record<Dtype, string>> = {
  float32: 'FP32',
  float64: 'FP64',
  float16: 'FP16',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  bool: 'BOOL',
  string: 'BYTES',
};

/** The protocol's name of an element type. */
export function datatypeOf(dtype: Dtype): string {
  return names[dtype];
}

/** The element type that the protocol's name means; undefined for a name it has not, or we have not (BF16). */
export function dtypeOf(datatype: unknown): Dtype | undefined {
  return (Object.keys(names) as Dtype[]).find((dtype) => names[dtype] === datatype);
}

/** Little-endian elements without padding; strings with their length in four bytes before each. Throws a `ValueError` when the size is wrong. */
export function tensorFromBytes(bytes: Buffer, dtype: Dtype, shape: readonly number[]): Tensor {
  const count = checkedCount(shape);
  if (dtype === 'string') return { dtype, shape, data: readStrings(bytes, count) };
  const sizeBytes = count * elementBytes[dtype];
  if (bytes.length !== sizeBytes) {
    throw new ValueError(`unexpected total byte size ${bytes.length}, expecting ${sizeBytes} for ${dtype} [${shape.join(', ')}]`);
  }
  // Elements must be aligned, and the body's buffer may belong to a pool.
  const copy = new Uint8Array(sizeBytes);
  copy.set(bytes);
  if (dtype === 'bool') for (let index = 0; index < copy.length; index += 1) copy[index] = copy[index] ? 1 : 0;
  return { dtype, shape, data: viewBytes(dtype, copy.buffer, 0, count) };
}

/** The reverse of `tensorFromBytes`. */
export function tensorToBytes({ data }: Tensor): Buffer {
  if (!isStrings(data)) {
    const bytes = bytesOf(data);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return Buffer.concat(
    data.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

function readStrings(bytes: Buffer, count: number): readonly string[] {
  const strings: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    const end = at + 4 + length;
    if (end > bytes.length) throw new ValueError(`string ${strings.length} is longer than the data`);
    const text = bytes.subarray(at + 4, end);
    if (!isUtf8(text)) throw new ValueError(`string ${strings.length} is not UTF-8; other bytes cannot be given to a model`);
    strings.push(text.toString('utf8'));
    at = end;
  }
  if (strings.length !== count) throw new ValueError(`the data has ${strings.length} strings, expecting ${count}`);
  return strings;
}
