import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Where two files begin to differ, counted from 0, and in how many bytes; what one has beyond the end of the other is not counted. */
export interface Difference {
  readonly firstByte: number;
  readonly differentBytes: number;
}

const pieceBytes = 1 << 20;

/** Undefined when the bytes are the same. Reads both files. */
export function differenceOf(before: string, after: string): Difference | undefined {
  const [a, b] = [openSync(before, 'r'), openSync(after, 'r')];
  try {
    const shared = Math.min(fstatSync(a).size, fstatSync(b).size);
    const [left, right] = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)];
    let firstByte: number | undefined;
    let differentBytes = 0;
    for (let at = 0; at < shared; at += pieceBytes) {
      const length = Math.min(pieceBytes, shared - at);
      readSync(a, left, 0, length, at);
      readSync(b, right, 0, length, at);
      if (left.compare(right, 0, length, 0, length) === 0) continue;
      for (let byte = 0; byte < length; byte++) {
        if (left[byte] === right[byte]) continue;
        firstByte ??= at + byte;
        differentBytes++;
      }
    }
    if (firstByte !== undefined) return { firstByte, differentBytes };
    return fstatSync(a).size === fstatSync(b).size ? undefined : { firstByte: shared, differentBytes };
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
