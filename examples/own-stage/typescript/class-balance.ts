import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineArtifact, defineStage, failure, z } from 'modelflow';
import { Dataset, readNpy } from 'modelflow/stages';

/** A kind of artifact of one's own: which facts always come with it, and which of them the summary of a run shows. */
export const ClassBalance = defineArtifact('acme/class-balance', z.object({ classes: z.int(), fewestRows: z.int(), mostRows: z.int() }), [
  { fact: 'classes', label: 'classes', unit: 'count' },
  { fact: 'fewestRows', label: 'rows of the rarest', unit: 'count' },
]);

/** Counts the rows of each class. A model judged on a class of three rows has not been judged on it. */
export const classBalance = defineStage({
  name: 'acme/class-balance',
  version: 1,
  inputs: { data: Dataset },
  options: { ignore: z.array(z.int()).default([]).describe('classes that do not count') },
  output: ClassBalance,
  async run({ inputs, options, out, log }) {
    const labels = inputs.data.facts.labels;
    if (!labels) throw failure('MF3105', 'The dataset has no labels to count');
    const { data } = await readNpy(join(inputs.data.path, `${labels.name}.npy`));
    const rows = new Map<string, number>();
    for (const label of data) if (!options.ignore.includes(Number(label))) rows.set(String(label), (rows.get(String(label)) ?? 0) + 1);
    const counts = [...rows.values()];
    log.info(`${counts.length} classes`);
    await writeFile(join(out, 'rows.json'), `${JSON.stringify(Object.fromEntries(rows), undefined, 2)}\n`);
    return { classes: counts.length, fewestRows: Math.min(...counts), mostRows: Math.max(...counts) };
  },
});
