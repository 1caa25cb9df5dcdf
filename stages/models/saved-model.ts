import { constants, copyFile, lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { defineStage, folder } from '../../core/index.ts';
import { SavedModel } from '../kinds.ts';
import { WireError, wireFields } from '../lib/protobuf.ts';
import { processingOption } from './keras-model.ts';
import { foundInstead, notAModel } from './not-a-model.ts';

const expected = 'a TensorFlow SavedModel';
const model = 'saved_model';

/** A TensorFlow SavedModel folder, as `model.export(folder)` and `tf.saved_model.save` write it. MF3101 when it is something else. */
export const savedModel = defineStage({
  name: 'saved-model',
  version: 1,
  inputs: {},
  options: { path: folder().describe('the folder that holds saved_model.pb'), processing: processingOption },
  output: SavedModel,
  async run({ options, out, signal }) {
    const { path } = options.path;
    await checkFolder(path);
    await checkProto(join(path, 'saved_model.pb'));
    const sizeBytes = await copyFolder(path, join(out, model), signal);
    return { model, processing: options.processing, sizeBytes };
  },
});

async function checkFolder(path: string): Promise<void> {
  const names = (await readdir(path)).sort();
  if (names.includes('saved_model.pb')) {
    if (names.includes('variables') && !(await readdir(join(path, 'variables'))).includes('variables.index'))
      throw notAModel(path, expected, 'its folder variables has no variables.index');
    return;
  }
  for (const name of names) {
    const inner: readonly string[] = await readdir(join(path, name)).catch(() => []);
    if (inner.includes('saved_model.pb'))
      throw notAModel(path, expected, 'it holds no saved_model.pb itself', {
        hint: `Name the folder inside: ${join(basename(path), name)}.`,
      });
  }
  const found = names.length === 0 ? 'the folder is empty' : `the folder holds no saved_model.pb, but ${names.slice(0, 5).join(', ')}`;
  const keras = names.find((name) => /\.(keras|h5)$/.test(name));
  throw notAModel(path, expected, found, keras ? { hint: `Use kerasModel for ${keras}.` } : {});
}

/** `SavedModel`: schema version 1, meta graphs 2. */
async function checkProto(path: string): Promise<void> {
  try {
    const metaGraphs = [...wireFields(await readFile(path))].filter((field) => field.number === 2 && field.wire === 2);
    if (metaGraphs.length > 0) return;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  throw notAModel(path, `the graph of ${expected}`, await foundInstead(path));
}

async function copyFolder(from: string, to: string, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  await mkdir(to);
  let sizeBytes = 0;
  for (const name of (await readdir(from)).sort()) {
    const source = join(from, name);
    const entry = await lstat(source);
    if (entry.isDirectory()) sizeBytes += await copyFolder(source, join(to, name), signal);
    else if (entry.isFile()) {
      await copyFile(source, join(to, name), constants.COPYFILE_FICLONE);
      sizeBytes += entry.size;
    } else throw notAModel(source, `part of ${expected}`, entry.isSymbolicLink() ? 'it is a link' : 'it is no plain file');
  }
  return sizeBytes;
}
