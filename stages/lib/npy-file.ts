import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Dtype, Tensor } from '../../core/serve/index.ts';
import { checkLength, decodeElements, encodeElements, rowsOf } from './npy-elements.ts';
import { descrOf, maxHeaderBytes, type NpyHeader, npyHeaderBytes, parseNpyHeader, unreadable } from './npy-header.ts';

/** A .npy file that is read in pieces. */
export interface NpyFile {
  readonly header: NpyHeader;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The first dimension; a scalar has none and counts as one row. */
  readonly rows: number;
  /** The whole array. */
  read(): Promise<Tensor>;
  /** Rows `from` (included) to `to` (excluded). A file in Fortran order is read whole each time. */
  readRows(from: number, to: number): Promise<Tensor>;
  /** Elements as bytes of the file, `length` from `offset`, both counted from the first element. */
  readBytes(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Open a .npy file: its header is read and its length checked. MF3106 when it is missing, cut short, or no plain array. */
export async function openNpy(path: string, name = basename(path)): Promise<NpyFile> {
  const handle = await open(path).catch((cause: unknown) => {
    throw unreadable(name, `cannot be opened (${codeOf(cause)})`, undefined, cause);
  });
  try {
    const { size } = await handle.stat();
    const header = parseNpyHeader(await readAt(handle, 0, Math.min(size, maxHeaderBytes), name), name);
    checkLength(header, size - header.dataOffset, name);
    return npyFile(handle, header, name);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function npyFile(handle: FileHandle, header: NpyHeader, name: string): NpyFile {
  const { shape, dataOffset } = header;
  const [rows = 1, ...rest] = shape;
  const rowBytes = rest.reduce((product, size) => product * size, header.itemBytes);
  const readBytes = (offset: number, length: number) => readAt(handle, dataOffset + offset, length, name);
  const read = async () => decodeElements(header, await readBytes(0, header.dataBytes), shape, name);
  return {
    header,
    dtype: header.dtype,
    shape,
    rows,
    read,
    readBytes,
    async readRows(from, to) {
      const first = Math.min(Math.max(from, 0), rows);
      const last = Math.min(Math.max(to, first), rows);
      if (header.fortranOrder && rest.length > 0) return rowsOf(await read(), first, last);
      const bytes = await readBytes(first * rowBytes, (last - first) * rowBytes);
      return decodeElements(header, bytes, [last - first, ...rest], name);
    },
    close: () => handle.close(),
  };
}

/** Reads until `length` bytes are there, in pieces no larger than one call of the system takes. */
async function readAt(handle: FileHandle, offset: number, length: number, name: string): Promise<Uint8Array> {
  const bytes = allocate(length, name);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, 1 << 30), offset + done);
    if (bytesRead === 0) throw unreadable(name, `the file ends after ${offset + done} bytes, ${length - done} too early`);
    done += bytesRead;
  }
  return bytes;
}

function allocate(length: number, name: string): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw unreadable(name, `an array of ${length} bytes does not fit into memory`, undefined, cause);
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}

/** Write a little-endian, C-order .npy file of numbers from batches of its rows. Throws a RangeError when they do not fill the shape. */
export async function writeNpyRows(
  path: string,
  dtype: Exclude<Dtype, 'string'>,
  shape: readonly number[],
  batches: AsyncIterable<Tensor>,
): Promise<void> {
  const wanted = shape.reduce((product, size) => product * size, 1);
  const handle = await open(path, 'wx');
  let count = 0;
  try {
    await handle.writeFile(npyHeaderBytes(descrOf(dtype), shape));
    for await (const batch of batches) {
      if (batch.dtype !== dtype) throw new TypeError(`${batch.dtype} rows in a .npy file of ${dtype}`);
      await handle.writeFile(encodeElements(batch, 1));
      count += batch.data.length;
    }
  } finally {
    await handle.close();
  }
  if (count !== wanted) throw new RangeError(`${count} of ${wanted} elements were written to ${basename(path)}`);
}
