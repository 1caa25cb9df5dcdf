import type { IncomingHttpHeaders } from 'node:http';

/**
 * The Open Inference Protocol's binary tensors: JSON of as many bytes as a header says, and behind it the tensors that have a
 * `binary_data_size`, one after the other. Only what is needed to compare predictions: this folder is shipped alone.
 */
const lengthHeader = 'inference-header-content-length';

/** What an answer says, as text; with binary tensors, as JSON would have said it. */
export function answerText(headers: IncomingHttpHeaders, bytes: Buffer): string {
  const length = headers[lengthHeader];
  return length === undefined ? bytes.toString() : (JSON.stringify(jsonOfBinary(bytes, Number(length))) ?? '');
}

function jsonOfBinary(bytes: Buffer, headerLength: number): unknown {
  if (!Number.isInteger(headerLength) || headerLength < 2 || headerLength > bytes.length) return undefined;
  try {
    const head = JSON.parse(bytes.subarray(0, headerLength).toString()) as { readonly outputs?: unknown };
    let at = headerLength;
    if (!Array.isArray(head.outputs)) return head;
    const outputs = (head.outputs as readonly Output[]).map((output) => {
      const size = output.parameters?.binary_data_size;
      if (size === undefined) return output;
      const block = bytes.subarray(at, at + size);
      at += size;
      return { ...output, data: elementsOf(block, output.datatype) };
    });
    return { ...head, outputs };
  } catch {
    return undefined;
  }
}

interface Output {
  readonly datatype: string;
  readonly parameters?: { readonly binary_data_size?: number };
}

type Read = (view: DataView, at: number) => number;

const readers: Readonly<Record<string, readonly [sizeBytes: number, read: Read]>> = {
  BOOL: [1, (view, at) => view.getUint8(at)],
  INT8: [1, (view, at) => view.getInt8(at)],
  UINT8: [1, (view, at) => view.getUint8(at)],
  INT16: [2, (view, at) => view.getInt16(at, true)],
  UINT16: [2, (view, at) => view.getUint16(at, true)],
  FP16: [2, (view, at) => halfOf(view.getUint16(at, true))],
  INT32: [4, (view, at) => view.getInt32(at, true)],
  UINT32: [4, (view, at) => view.getUint32(at, true)],
  FP32: [4, (view, at) => view.getFloat32(at, true)],
  INT64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  UINT64: [8, (view, at) => Number(view.getBigUint64(at, true))],
  FP64: [8, (view, at) => view.getFloat64(at, true)],
};

function elementsOf(block: Buffer, datatype: string): readonly (number | string)[] {
  if (datatype === 'BYTES') return textsOf(block);
  const [sizeBytes, read] = readers[datatype] ?? [1, (view: DataView, at: number) => view.getUint8(at)];
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  return Array.from({ length: Math.floor(block.length / sizeBytes) }, (_, at) => read(view, at * sizeBytes));
}

function textsOf(block: Buffer): readonly string[] {
  const texts: string[] = [];
  for (let at = 0; at + 4 <= block.length; ) {
    const end = at + 4 + block.readUInt32LE(at);
    texts.push(block.subarray(at + 4, end).toString());
    at = end;
  }
  return texts;
}

/** A float of 16 bits: a sign, 5 bits of exponent, 10 of fraction. */
function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1_024) * 2 ** (exponent - 15);
}
