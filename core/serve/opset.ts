import { type FileHandle, open } from 'node:fs/promises';

/**
 * The opset of the default domain that an ONNX file asks for; undefined when the file names none or is no ONNX file.
 * Reads only the headers of the outermost fields, so a model of gigabytes costs as little as a small one.
 */
export async function readOpset(path: string): Promise<number | undefined> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    let position = 0;
    let opset: number | undefined;
    while (position < size) {
      const field = await readField(file, position, size);
      if (field === undefined) return undefined;
      if (field.number === opsetImport) opset = defaultOpset(await readBytes(file, field.start, field.end - field.start)) ?? opset;
      position = field.end;
    }
    return opset;
  } finally {
    await file.close();
  }
}

/** `ModelProto.opset_import` in onnx.proto. */
const opsetImport = 8;

interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of a varint. */
  readonly value: number;
  /** Where the content of the field lies. */
  readonly start: number;
  readonly end: number;
}

async function readField(file: FileHandle, position: number, size: number): Promise<Field | undefined> {
  // A tag and a length are at most ten bytes each.
  const head = await readBytes(file, position, Math.min(20, size - position));
  const field = fieldAt(head, 0);
  if (field === undefined || position + field.end > size) return undefined;
  return { ...field, start: position + field.start, end: position + field.end };
}

function fieldAt(bytes: Uint8Array, at: number): Field | undefined {
  const tag = varint(bytes, at);
  if (tag === undefined) return undefined;
  const number = Math.floor(tag.value / 8);
  const wire = tag.value % 8;
  if (number === 0) return undefined;
  if (wire === 1 || wire === 5) return { number, wire, value: 0, start: tag.end, end: tag.end + (wire === 1 ? 8 : 4) };
  const length = varint(bytes, tag.end);
  if (length === undefined) return undefined;
  if (wire === 0) return { number, wire, value: length.value, start: tag.end, end: length.end };
  return wire === 2 ? { number, wire, value: 0, start: length.end, end: length.end + length.value } : undefined;
}

function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  return undefined;
}

/** `OperatorSetIdProto`: domain = 1, version = 2. The default domain is written as nothing, as "" or as "ai.onnx". */
function defaultOpset(bytes: Uint8Array): number | undefined {
  let domain = '';
  let version: number | undefined;
  for (let at = 0; at < bytes.length; ) {
    const field = fieldAt(bytes, at);
    if (field === undefined) return undefined;
    if (field.number === 1) domain = new TextDecoder().decode(bytes.subarray(field.start, field.end));
    if (field.number === 2) version = field.value;
    at = field.end;
  }
  return domain === '' || domain === 'ai.onnx' ? version : undefined;
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}
