import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dtype } from '../../core/serve/index.ts';

/** Numbers of TensorProto.DataType in onnx.proto. */
const elementTypes: Readonly<Record<Dtype, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
};

export interface ValueSpec {
  readonly name: string;
  readonly dtype: Dtype;
  /** A string is a symbolic dimension; no shape at all: the rank is not known. */
  readonly shape?: readonly (number | string)[];
}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers, or lists of them. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface Initializer {
  readonly name: string;
  readonly dtype: Exclude<Dtype, 'string'>;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

export interface GraphSpec {
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: readonly Initializer[];
  readonly opset?: number;
}

/** The bytes of an ONNX file with this graph: a ModelProto in the protobuf wire format. */
export function onnxModel(graph: GraphSpec): Uint8Array {
  const body = [
    ...graph.nodes.map((node) => block(1, nodeProto(node))),
    text(2, 'graph'),
    ...(graph.initializers ?? []).map((initializer) => block(5, tensorProto(initializer))),
    ...graph.inputs.map((input) => block(11, valueInfo(input))),
    ...graph.outputs.map((output) => block(12, valueInfo(output))),
  ];
  const opset = Buffer.concat([text(1, ''), whole(2, graph.opset ?? 17)]);
  return Buffer.concat([whole(1, 8), text(2, 'modelflow tests'), block(7, Buffer.concat(body)), block(8, opset)]);
}

/** Writes the model into a new temporary folder and gives its path. */
export async function writeModel(graph: GraphSpec, fileName = 'model.onnx'): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'modelflow-onnx-')), fileName);
  await writeFile(path, onnxModel(graph));
  return path;
}

function nodeProto({ op, inputs, outputs, attributes }: NodeSpec): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes ?? {}).map(([name, value]) => block(5, attribute(name, value))),
  ]);
}

function attribute(name: string, value: number | readonly number[]): Buffer {
  if (typeof value === 'number') return Buffer.concat([text(1, name), whole(3, value), whole(20, 2)]);
  return Buffer.concat([text(1, name), ...value.map((item) => whole(8, item)), whole(20, 7)]);
}

function tensorProto({ name, dtype, shape, data }: Initializer): Buffer {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([...shape.map((dimension) => whole(1, dimension)), whole(2, elementTypes[dtype]), text(8, name), block(9, bytes)]);
}

function valueInfo({ name, dtype, shape }: ValueSpec): Buffer {
  const dimensions = (shape ?? []).map((dimension) => block(1, typeof dimension === 'number' ? whole(1, dimension) : text(2, dimension)));
  const tensor = [whole(1, elementTypes[dtype]), ...(shape === undefined ? [] : [block(2, Buffer.concat(dimensions))])];
  return Buffer.concat([text(1, name), block(2, block(1, Buffer.concat(tensor)))]);
}

function whole(field: number, value: number): Buffer {
  return Buffer.concat([varint(BigInt(field) << 3n), varint(BigInt.asUintN(64, BigInt(value)))]);
}

function text(field: number, value: string): Buffer {
  return block(field, Buffer.from(value));
}

function block(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((BigInt(field) << 3n) | 2n), varint(BigInt(bytes.length)), bytes]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}
