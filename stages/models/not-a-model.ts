import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { failure, type ModelflowError } from '../../core/index.ts';
import { looksLike } from '../lib/looks-like.ts';

/** MF3101: the file is not what the stage expects; `found` completes "it is …". */
export function notAModel(
  path: string,
  expected: string,
  found: string,
  more: { readonly hint?: string; readonly detail?: readonly string[]; readonly cause?: unknown } = {},
): ModelflowError {
  return failure('MF3101', `${basename(path)} is not ${expected}: ${found}`, more);
}

/** What the file begins with, in words for `notAModel`: "it is an HTML page". */
export async function foundInstead(path: string): Promise<string> {
  return `it is ${looksLike(await headOf(path, 64))}`;
}

/** The first bytes of a file; fewer when the file is shorter. */
export async function headOf(path: string, length: number): Promise<Uint8Array> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
