import { constants, copyFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { defineStage, file } from '../../core/index.ts';
import { Processing } from '../../core/serve/index.ts';
import { KerasModel } from '../kinds.ts';
import { checkKerasArchive } from './keras-archive.ts';
import { foundInstead, headOf, notAModel } from './not-a-model.ts';

/** The option that every source of a model takes: what turns raw data into its input, and its output into an answer. */
export const processingOption = Processing.prefault({}).describe(
  'what turns raw data into what the model takes, and its output into an answer: the same for evaluation, calibration and serving',
);

/** A Keras model file: .keras, or .h5 as older versions wrote it. MF3101 when it is something else; Python is not needed to tell. */
export const kerasModel = defineStage({
  name: 'keras-model',
  version: 1,
  inputs: {},
  options: { path: file().describe('.keras or .h5'), processing: processingOption },
  output: KerasModel,
  async run({ options, out }) {
    const { path } = options.path;
    const format = await formatOf(path);
    if (format === 'h5') await checkHdf5(path);
    else await checkKerasArchive(path);
    const model = `model.${format}`;
    await copyFile(path, join(out, model), constants.COPYFILE_FICLONE);
    const { size } = await stat(join(out, model));
    return { model, format, processing: options.processing, sizeBytes: size };
  },
});

async function formatOf(path: string): Promise<'keras' | 'h5'> {
  const head = Buffer.from(await headOf(path, 8)).toString('latin1');
  if (head === '\x89HDF\r\n\x1a\n') return 'h5';
  if (head.startsWith('PK')) return 'keras';
  const hint = /saved_model\.pb$/.test(path) ? { hint: 'Name the folder it lies in with savedModel.' } : {};
  throw notAModel(path, 'a Keras model (.keras or .h5)', await foundInstead(path), hint);
}

/** HDF5 writes the names of attributes as they are; a whole model always has this one. */
async function checkHdf5(path: string): Promise<void> {
  const bytes = await readFile(path);
  if (bytes.includes('model_config')) return;
  throw notAModel(path, 'a Keras model (.h5)', 'an HDF5 file without model_config, which weights alone are', {
    hint: 'Save the whole model: model.save("model.keras").',
  });
}
