import { textOf, varintsOf, WireError, type WireField, wireFields } from './protobuf.ts';

/** A weight that lies in a file beside the model. Everything here was written by whoever made the model: check it before use. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  /** Undefined: to the end of the file. */
  readonly length: number | undefined;
}

/** A weight of the model, by its name in the graph. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** `TensorProto.DataType`: 1 float32, 2 uint8, 3 int8, 6 int32, 7 int64, 10 float16, … */
  readonly dataType: number;
  /** The elements, little-endian; undefined when they lie outside, or in one of the typed lists. A view, not aligned. */
  readonly raw: Uint8Array | undefined;
  readonly external: ExternalData | undefined;
}

export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What an ONNX file says of itself. Nodes and tensors of inner graphs (If, Loop, Scan, functions) are among the others. */
export interface OnnxFile {
  readonly irVersion: number;
  /** Domain → version; the default domain is ''. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
}

/** No model nests its graphs this deep; a file made to exhaust the stack does. */
const maxDepth = 64;

interface Found {
  readonly nodes: OnnxNode[];
  readonly tensors: OnnxTensor[];
}

/** Read a `ModelProto` (field numbers of onnx.proto, IR version 13). Throws a `WireError` when the bytes are none. */
export function parseOnnx(bytes: Uint8Array): OnnxFile {
  let irVersion = 0;
  let hasGraph = false;
  const opsets = new Map<string, number>();
  const found: Found = { nodes: [], tensors: [] };
  for (const field of wireFields(bytes)) {
    if (field.number === 1 && field.wire === 0) irVersion = field.value;
    else if (field.number === 7 && field.wire === 2) {
      hasGraph = true;
      readGraph(field.bytes, found, 0);
    } else if (field.number === 8 && field.wire === 2) readOpset(field.bytes, opsets);
    else if (field.number === 25 && field.wire === 2) readFunction(field.bytes, found);
  }
  if (!hasGraph) throw new WireError(bytes.length, 'no graph was found');
  if (irVersion === 0) throw new WireError(0, 'no IR version was found');
  if (opsets.size === 0) throw new WireError(0, 'no opset was found');
  return { irVersion, opsets, ...found };
}

function readOpset(bytes: Uint8Array, opsets: Map<string, number>): void {
  let domain = '';
  let version = 0;
  for (const field of wireFields(bytes)) {
    if (field.number === 1) domain = textOf(field);
    if (field.number === 2) version = field.value;
  }
  opsets.set(domain === 'ai.onnx' ? '' : domain, version);
}

function readGraph(bytes: Uint8Array, found: Found, depth: number): void {
  if (depth > maxDepth) throw new WireError(0, `graphs are nested more than ${maxDepth} deep`);
  for (const field of wireFields(bytes)) {
    if (field.wire !== 2) continue;
    if (field.number === 1) readNode(field.bytes, found, depth);
    else if (field.number === 5) found.tensors.push(readTensor(field.bytes));
    else if (field.number === 15) readSparse(field.bytes, found);
  }
}

function readFunction(bytes: Uint8Array, found: Found): void {
  for (const field of wireFields(bytes)) if (field.number === 7 && field.wire === 2) readNode(field.bytes, found, 1);
}

function readNode(bytes: Uint8Array, found: Found, depth: number): void {
  const inputs: string[] = [];
  const outputs: string[] = [];
  let [name, operator, domain] = ['', '', ''];
  for (const field of wireFields(bytes)) {
    if (field.number === 1) inputs.push(textOf(field));
    else if (field.number === 2) outputs.push(textOf(field));
    else if (field.number === 3) name = textOf(field);
    else if (field.number === 4) operator = textOf(field);
    else if (field.number === 7) domain = textOf(field);
    else if (field.number === 5) readAttribute(field, found, depth);
  }
  found.nodes.push({ name, operator, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs });
}

/** An attribute may hold tensors (5, 10), graphs (6, 11) and sparse tensors (22, 23). */
function readAttribute(attribute: WireField, found: Found, depth: number): void {
  for (const field of wireFields(attribute.bytes)) {
    if (field.wire !== 2) continue;
    if (field.number === 5 || field.number === 10) found.tensors.push(readTensor(field.bytes));
    else if (field.number === 6 || field.number === 11) readGraph(field.bytes, found, depth + 1);
    else if (field.number === 22 || field.number === 23) readSparse(field.bytes, found);
  }
}

function readSparse(bytes: Uint8Array, found: Found): void {
  for (const field of wireFields(bytes)) {
    if (field.wire === 2 && (field.number === 1 || field.number === 2)) found.tensors.push(readTensor(field.bytes));
  }
}

function readTensor(bytes: Uint8Array): OnnxTensor {
  const shape: number[] = [];
  const entries = new Map<string, string>();
  let name = '';
  let dataType = 0;
  let raw: Uint8Array | undefined;
  let outside = false;
  for (const field of wireFields(bytes)) {
    if (field.number === 1) shape.push(...varintsOf(field));
    else if (field.number === 2) dataType = field.value;
    else if (field.number === 8) name = textOf(field);
    else if (field.number === 9) raw = field.bytes;
    else if (field.number === 13) readEntry(field.bytes, entries);
    else if (field.number === 14) outside = field.value === 1;
  }
  return { name, shape, dataType, raw, external: outside || entries.size > 0 ? externalData(entries) : undefined };
}

function readEntry(bytes: Uint8Array, entries: Map<string, string>): void {
  let [key, value] = ['', ''];
  for (const field of wireFields(bytes)) {
    if (field.number === 1) key = textOf(field);
    if (field.number === 2) value = textOf(field);
  }
  entries.set(key, value);
}

function externalData(entries: ReadonlyMap<string, string>): ExternalData {
  const length = entries.get('length');
  return {
    location: entries.get('location') ?? '',
    offset: Number(entries.get('offset') ?? 0),
    length: length === undefined ? undefined : Number(length),
  };
}
