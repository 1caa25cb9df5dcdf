import { failure, type ModelflowError } from '../../core/index.ts';
import type { Dtype } from '../../core/serve/index.ts';
import { looksLike } from './looks-like.ts';

/** What the head of a .npy file says of the bytes that follow it. */
export interface NpyHeader {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The first index varies fastest. */
  readonly fortranOrder: boolean;
  readonly bigEndian: boolean;
  readonly itemBytes: number;
  /** How strings are held: `U` is UTF-32, `S` is bytes; undefined for numbers. */
  readonly text: 'U' | 'S' | undefined;
  /** Where the elements begin. */
  readonly dataOffset: number;
  /** Bytes of all elements. */
  readonly dataBytes: number;
}

/** No header of a plain array comes near this; numpy itself distrusts headers over 10 000 bytes. */
export const maxHeaderBytes = 65_535 + 12;

const numeric: Readonly<Record<string, Dtype>> = {
  b1: 'bool',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export function unreadable(name: string, why: string, hint?: string, cause?: unknown): ModelflowError {
  return failure('MF3106', `${name}: ${why}`, { ...(hint === undefined ? {} : { hint }), ...(cause === undefined ? {} : { cause }) });
}

/**
 * Read the head of a .npy file (format 1.0, 2.0 or 3.0; numpy.lib.format) from its first bytes.
 * MF3106 for anything that is not an array of numbers, booleans or fixed-width strings: never runs a pickle.
 */
export function parseNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  if (magic.some((byte, index) => bytes[index] !== byte))
    throw unreadable(name, `not a .npy file; it looks like ${looksLike(bytes)}`, 'Write it with numpy.save or numpy.savez.');
  const major = bytes[6];
  if (major !== 1 && major !== 2 && major !== 3) throw unreadable(name, `.npy format ${major ?? '?'}.${bytes[7] ?? '?'} is not known`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw unreadable(name, `the file ends inside its header, after ${bytes.length} bytes`);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataOffset = start + length;
  if (dataOffset > maxHeaderBytes) throw unreadable(name, `a header of ${length} bytes is not that of a plain array`);
  if (bytes.length < dataOffset) throw unreadable(name, `the file ends inside its header, after ${bytes.length} of ${dataOffset} bytes`);
  const text = new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(start, dataOffset));
  return describe(entriesOf(text, name), dataOffset, name);
}

/** The three entries of the header, which is a Python dict literal, in any order. */
function entriesOf(text: string, name: string): ReadonlyMap<string, string> {
  const entry =
    /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*('[^']*'|"[^"]*"|True|False|\([\d\sL,]*\)|\[.*\](?=\s*,\s*['"}]|\s*\}))\s*(?:,\s*|(?=\}))/y;
  const found = new Map<string, string>();
  const body = text.trim();
  entry.lastIndex = 1;
  for (let match = entry.exec(body); match; match = entry.exec(body)) {
    found.set(match[2] ?? '', match[3] ?? '');
    if (body[entry.lastIndex] === '}') {
      if (body[0] === '{' && entry.lastIndex === body.length - 1 && found.size === 3) return found;
      break;
    }
  }
  throw unreadable(name, `the header is damaged: ${JSON.stringify(body.slice(0, 120))}`);
}

function describe(entries: ReadonlyMap<string, string>, dataOffset: number, name: string): NpyHeader {
  const order = entries.get('fortran_order');
  const shape = shapeOf(entries.get('shape') ?? '', name);
  const type = typeOf(entries.get('descr') ?? '', name);
  if (order !== 'True' && order !== 'False') throw unreadable(name, `the header is damaged: fortran_order is ${order}`);
  const count = shape.reduce((product, size) => product * size, 1);
  const dataBytes = count * type.itemBytes;
  if (!shape.every(Number.isSafeInteger) || !Number.isSafeInteger(dataBytes) || !Number.isSafeInteger(count))
    throw unreadable(name, `a shape of (${shape.join(', ')}) is more than can be held`);
  if (type.itemBytes === 0 && count > 0) throw unreadable(name, 'its strings have no width');
  return { ...type, shape, fortranOrder: order === 'True', dataOffset, dataBytes };
}

function shapeOf(literal: string, name: string): readonly number[] {
  if (!/^\(\s*(?:\d+L?\s*(?:,\s*\d+L?\s*)*,?\s*)?\)$/.test(literal) || /^\(\s*\d+L?\s*\)$/.test(literal))
    throw unreadable(name, `the header is damaged: the shape is ${JSON.stringify(literal.slice(0, 60))}`);
  const sizes = (literal.match(/\d+/g) ?? []).map(Number);
  if (sizes.length > 64) throw unreadable(name, `an array of ${sizes.length} dimensions`);
  return sizes;
}

function typeOf(literal: string, name: string): Pick<NpyHeader, 'dtype' | 'bigEndian' | 'itemBytes' | 'text'> {
  const descr = literal.slice(1, -1);
  if (literal.startsWith('[')) throw unreadable(name, 'a structured array with named fields', 'Save each field as an array of its own.');
  const match = /^([<>|=]?)([a-zA-Z?])(\d*)(\[.*\])?$/.exec(descr);
  if (!match) throw unreadable(name, `the header is damaged: the type is ${JSON.stringify(descr.slice(0, 60))}`);
  const [, order, kind = '', size = ''] = match;
  const bigEndian = order === '>';
  if (kind === 'U' || kind === 'S') {
    const itemBytes = Number(size) * (kind === 'U' ? 4 : 1);
    return { dtype: 'string', bigEndian, itemBytes, text: kind };
  }
  const dtype = numeric[kind === '?' ? 'b1' : kind + size];
  if (dtype === undefined) throw refusedType(kind, descr, name);
  return { dtype, bigEndian, itemBytes: kind === '?' ? 1 : Number(size), text: undefined };
}

function refusedType(kind: string, descr: string, name: string): ModelflowError {
  const asFloat = 'Convert it before saving, for instance with .astype(numpy.float32).';
  switch (kind) {
    case 'O':
      return unreadable(name, 'it holds pickled Python objects, which can run code and are never opened', asFloat);
    case 'V':
      return unreadable(name, `elements of type ${descr} (raw bytes, perhaps bfloat16) are not supported`, asFloat);
    case 'c':
      return unreadable(name, `complex numbers (${descr}) are not supported`, 'Save the real and the imaginary part as two arrays.');
    case 'M':
    case 'm':
      return unreadable(name, `times (${descr}) are not supported`, 'Convert them to numbers before saving.');
    default:
      return unreadable(name, `elements of type ${descr} are not supported`, asFloat);
  }
}

/** The head of a little-endian, C-order .npy file, format 1.0, padded as numpy does to a multiple of 64 bytes. */
export function npyHeaderBytes(descr: string, shape: readonly number[]): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const bytes = new TextEncoder().encode(`\0\0\0\0\0\0\0\0\0\0${text.padEnd(length - 11)}\n`);
  bytes.set(magic);
  bytes[6] = 1;
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  return bytes;
}

/** The descr of a little-endian element: `<f4`, `|b1`, `<U12`. `width` is that of strings, in bytes for `S`, in code points for `U`. */
export function descrOf(dtype: Dtype, text?: 'U' | 'S', width = 1): string {
  if (dtype === 'string') return text === 'S' ? `|S${width}` : `<U${width}`;
  const code = Object.keys(numeric).find((key) => numeric[key] === dtype) ?? '';
  return `${code.endsWith('1') ? '|' : '<'}${code}`;
}
