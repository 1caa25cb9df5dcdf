import { writeFile } from 'node:fs/promises';
import { isStrings, type Tensor } from '../../core/serve/index.ts';
import { checkLength, decodeElements, encodeElements, widthOf } from './npy-elements.ts';
import { openNpy } from './npy-file.ts';
import { descrOf, npyHeaderBytes, parseNpyHeader } from './npy-header.ts';

export { rowsOf } from './npy-elements.ts';
export { type NpyFile, openNpy, writeNpyRows } from './npy-file.ts';

/** A whole .npy file as a tensor in C order. Strings are decoded; float16 stays as its bits. MF3106 when it is not one, or is cut short. */
export function parseNpy(bytes: Uint8Array, name: string): Tensor {
  const header = parseNpyHeader(bytes, name);
  const body = bytes.subarray(header.dataOffset, header.dataOffset + header.dataBytes);
  checkLength(header, body.length, name);
  return decodeElements(header, Uint8Array.from(body), header.shape, name);
}

/** Read a .npy file into memory. MF3106 when it is missing, cut short, or no plain array. For large files see `openNpy`. */
export async function readNpy(path: string): Promise<Tensor> {
  const file = await openNpy(path);
  try {
    return await file.read();
  } finally {
    await file.close();
  }
}

/** Write a tensor as a little-endian, C-order .npy file; strings become fixed-width unicode. */
export async function writeNpy(path: string, tensor: Tensor): Promise<void> {
  const width = isStrings(tensor.data) ? widthOf(tensor.data) : 1;
  const head = npyHeaderBytes(descrOf(tensor.dtype, 'U', width), tensor.shape);
  await writeFile(path, [head, encodeElements(tensor, width)]);
}
