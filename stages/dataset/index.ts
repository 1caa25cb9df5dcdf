import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { defineStage, file, z } from '../../core/index.ts';
import { Dataset } from '../kinds.ts';
import { unreadable } from '../lib/npy-header.ts';
import { openSource } from './source.ts';
import type { ChosenArrays, SourceArray } from './source-array.ts';

const options = {
  path: file().describe('.npz, .npy, .csv or .tsv'),
  inputs: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe('names of the input arrays; of a table, the feature columns. All that are not the labels by default'),
  labels: z
    .union([z.string().min(1), z.literal(false)])
    .optional()
    .describe('name of the array or column with the truth: y, labels, label or target by default, when it is there; false: none'),
  rows: z.int().positive().optional().describe('only so many rows from the beginning'),
};

/**
 * Rows of inputs and the truth that belongs to them, from a .npz, .npy, .csv or .tsv file.
 * Leaves one little-endian, C-order `<name>.npy` per array. MF3106 when the file cannot be read or its arrays do not go together.
 */
export const dataset = defineStage({
  name: 'dataset',
  version: 1,
  inputs: {},
  options,
  output: Dataset,
  async run({ options, out, signal, log }) {
    // Beside what it becomes: the temporary folder of the system may be small, and keeps what a killed run leaves.
    const scratch = await mkdtemp(join(out, '.unpacked-'));
    try {
      const chosen = await openSource(options.path.path, { ...options, scratch, signal });
      const available = sharedRows(chosen, basename(options.path.path));
      const rows = Math.min(options.rows ?? available, available);
      if (options.rows !== undefined && options.rows > available) log.warn(`${options.rows} rows were asked for, ${available} are there`);
      const save = async (array: SourceArray) => {
        signal.throwIfAborted();
        await array.save(join(out, `${array.name}.npy`), rows);
        return { name: array.name, dtype: array.dtype, shape: [rows, ...array.shape.slice(1)] };
      };
      const inputs = [];
      for (const array of chosen.inputs) inputs.push(await save(array));
      log.info(`${rows} rows of ${chosen.inputs.map((array) => array.name).join(', ')}`);
      return { rows, inputs, ...(chosen.labels ? { labels: await save(chosen.labels) } : {}) };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
});

/** Every array has the same first dimension, of at least one row. */
function sharedRows(chosen: ChosenArrays, source: string): number {
  const arrays = [...chosen.inputs, ...(chosen.labels ? [chosen.labels] : [])];
  const shapes = arrays.map((array) => `${array.name} (${array.shape.join(', ')})`).join(', ');
  const scalar = arrays.find((array) => array.shape.length === 0);
  if (scalar)
    throw unreadable(source, `${scalar.name} is a single value and has no rows`, 'Name the arrays to use with `inputs` and `labels`.');
  const rows = arrays[0]?.shape[0] ?? 0;
  if (arrays.some((array) => array.shape[0] !== rows))
    throw unreadable(
      source,
      `the arrays differ in their rows: ${shapes}`,
      'Name those that belong together with `inputs` and `labels`, for instance `inputs: "x_test", labels: "y_test"`.',
    );
  if (rows === 0) throw unreadable(source, `there is not one row in it: ${shapes}`);
  return rows;
}
