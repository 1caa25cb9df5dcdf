/** One field of a protobuf message as it stands on the wire. */
export interface WireField {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  readonly wire: 0 | 1 | 2 | 5;
  /** Of a varint, exact up to 2^53; 0 for the other wires. */
  readonly value: number;
  /** A view of the content; empty for a varint. */
  readonly bytes: Uint8Array;
}

/** The bytes are no protobuf message. */
export class WireError extends Error {
  constructor(offset: number, what: string) {
    super(`${what} at byte ${offset}`);
    this.name = 'WireError';
  }
}

/** The fields of a message in the order they stand there. Copies nothing; throws a `WireError` at the first byte that does not fit. */
export function* wireFields(message: Uint8Array): Generator<WireField> {
  let at = 0;
  while (at < message.length) {
    const tag = varint(message, at);
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (number === 0 || number >= 2 ** 29) throw new WireError(at, `no field has the number ${number}`);
    if (wire === 0) {
      const { value, end } = varint(message, tag.end);
      yield { number, wire, value, bytes: message.subarray(0, 0) };
      at = end;
    } else if (wire === 1 || wire === 2 || wire === 5) {
      const length = wire === 2 ? varint(message, tag.end) : { value: wire === 1 ? 8 : 4, end: tag.end };
      const end = length.end + length.value;
      if (end > message.length) throw new WireError(at, `a field of ${length.value} bytes goes beyond the end`);
      yield { number, wire, value: 0, bytes: message.subarray(length.end, end) };
      at = end;
    } else {
      throw new WireError(at, `wire type ${wire} is not used`);
    }
  }
}

/** A list of whole numbers, whether it was written packed or one by one. */
export function varintsOf(field: WireField): readonly number[] {
  if (field.wire === 0) return [field.value];
  if (field.wire !== 2) return [];
  const values: number[] = [];
  for (let at = 0; at < field.bytes.length; ) {
    const { value, end } = varint(field.bytes, at);
    values.push(value);
    at = end;
  }
  return values;
}

/** The content of a length-delimited field as text; bytes that are no UTF-8 become U+FFFD. */
export function textOf(field: WireField): string {
  return new TextDecoder().decode(field.bytes);
}

function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined) throw new WireError(at, 'a number is cut short');
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  throw new WireError(at, 'a number is longer than ten bytes');
}
