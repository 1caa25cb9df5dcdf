import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import type { OnnxFile } from '../lib/onnx-file.ts';
import { notAModel } from './not-a-model.ts';

const expected = 'an ONNX model that can be trusted';

/** Names of the files that hold weights, relative to the folder of the model, each once. */
export function externalFiles(found: OnnxFile): readonly string[] {
  return [...new Set(found.tensors.flatMap((tensor) => (tensor.external ? [tensor.external.location] : [])))].sort();
}

/**
 * Check that every file of weights is a plain file in the folder of the model (no way out, no link of either sort) and long enough.
 * The names were written by whoever made the model, and both the onnx library and the runtime have followed them too far before
 * (CVE-2022-25882, CVE-2024-27318, CVE-2026-27489, CVE-2026-34446). MF3101 otherwise.
 */
export async function checkExternalData(path: string, found: OnnxFile): Promise<void> {
  for (const name of externalFiles(found)) {
    if (!isInside(name)) throw notAModel(path, expected, `it asks for weights in ${JSON.stringify(name)}, which is outside of its folder`);
    if (basename(name) === 'model.onnx' || name === basename(path))
      throw notAModel(path, expected, `it asks for weights in ${JSON.stringify(name)}, a name that the model itself has`);
    const size = await plainFileSize(path, name);
    for (const { external, name: tensor } of found.tensors) {
      if (external?.location !== name) continue;
      const { offset, length = 0 } = external;
      const isRange = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
      if (!isRange || offset + length > size)
        throw notAModel(path, expected, `weight ${tensor} is bytes ${offset} to ${offset + length} of ${name}, which has ${size}`);
    }
  }
}

function isInside(name: string): boolean {
  if (name === '' || name.startsWith('/') || /[\\:\0]/.test(name)) return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

async function plainFileSize(path: string, name: string): Promise<number> {
  const folder = dirname(path);
  const file = join(folder, name);
  const entry = await lstat(file).catch((cause: unknown) => {
    throw notAModel(path, 'a whole ONNX model', `its weights in ${name} are missing`, {
      hint: `Put ${basename(name)} beside the model, or save the model with its weights inside.`,
      cause,
    });
  });
  if (!entry.isFile()) throw notAModel(path, expected, `its weights in ${name} are ${entry.isSymbolicLink() ? 'a link' : 'no plain file'}`);
  if (entry.nlink > 1) throw notAModel(path, expected, `its weights in ${name} are a hard link to a file that may lie elsewhere`);
  if (!(await realpath(file)).startsWith((await realpath(folder)) + sep))
    throw notAModel(path, expected, `its weights in ${name} are outside of its folder`);
  return entry.size;
}
