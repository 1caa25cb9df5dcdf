import { join } from 'node:path';
import { type Artifact, failure } from '../../core/index.ts';
import type { Tensor, TensorSpec } from '../../core/serve/index.ts';
import type { Dataset } from '../kinds.ts';
import { type NpyFile, openNpy, readNpy } from '../lib/npy.ts';

/** The inputs of a dataset, read in batches. */
export interface DataRows {
  readonly rows: number;
  readonly names: readonly string[];
  /** Raw rows `from` (included) to `to` (excluded) of the array of that name. */
  read(name: string, from: number, to: number): Promise<Tensor>;
  close(): Promise<void>;
}

export async function openRows(data: Artifact<typeof Dataset>): Promise<DataRows> {
  const files = new Map<string, NpyFile>();
  const close = async () => {
    for (const file of files.values()) await file.close();
  };
  try {
    for (const { name } of data.facts.inputs) files.set(name, await openNpy(join(data.path, `${name}.npy`)));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    rows: data.facts.rows,
    names: [...files.keys()],
    async read(name, from, to) {
      const file = files.get(name);
      if (!file) throw new Error(`the dataset has no input ${name}`);
      return await file.readRows(from, to);
    },
    close,
  };
}

/** The truth of every row. MF3105 when the dataset has none. */
export async function readLabels(data: Artifact<typeof Dataset>): Promise<Tensor> {
  const labels = data.facts.labels;
  if (labels === undefined)
    throw failure('MF3105', 'The dataset has no labels to measure against', {
      hint: 'Name the array with the truth: dataset({ path, labels: "…" }).',
    });
  return await readNpy(join(data.path, `${labels.name}.npy`));
}

/**
 * Which array goes into which input of the model: a single one into a single one whatever the names, several by name (`x` fits `x:0`).
 * MF3105 when an input is left without data, or data without an input.
 */
export function matchInputs(names: readonly string[], specs: readonly Pick<TensorSpec, 'name'>[]): ReadonlyMap<string, string> {
  const [onlyName] = names;
  const [onlySpec] = specs;
  if (names.length === 1 && specs.length === 1 && onlyName !== undefined && onlySpec) return new Map([[onlySpec.name, onlyName]]);
  const plain = (name: string) => name.replace(/:0$/, '');
  const pairs = specs.map(({ name }) => [name, names.find((array) => plain(array) === plain(name))] as const);
  const matched = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  if (matched.length === specs.length && matched.length === names.length) return new Map(matched);
  throw failure('MF3105', `The model takes ${list(specs.map(({ name }) => name))}; the dataset has ${list(names)}`, {
    hint: 'Give the arrays the names of the inputs, and choose them with dataset({ inputs: [ … ] }).',
  });
}

function list(names: readonly string[]): string {
  return names.length === 1 ? `one input, ${names[0]}` : `the inputs ${names.join(', ')}`;
}
