import { join } from 'node:path';
import { BridgeError, defineArtifact, defineStage, failure, z } from 'modelflow';
import { Dataset } from 'modelflow/stages';

const Facts = z.object({ features: z.int(), constant: z.int(), highest: z.number() });

/** Where the values of each feature lie, in ranges.json: what later data can be held against. */
export const FeatureRanges = defineArtifact('acme/feature-ranges', Facts, [
  { fact: 'features', label: 'features', unit: 'count' },
  { fact: 'constant', label: 'without information', unit: 'count' },
]);

// modelflow makes the environment from the lock when the stage first runs, and calls the script in it.
const environment = { name: 'acme-numpy', lock: new URL('./numpy.lock', import.meta.url) };
const script = new URL('./feature_ranges.py', import.meta.url);

export const featureRanges = defineStage({
  name: 'acme/feature-ranges',
  version: 1,
  inputs: { data: Dataset },
  options: { outside: z.number().min(0).max(0.5).default(0.01).describe('share of the values left out at each end') },
  output: FeatureRanges,
  // Another script or another lock gives other bytes: the stage then runs again.
  code: [environment.lock, script],
  async run({ inputs, options, out, python }) {
    const files = inputs.data.facts.inputs.map(({ name }) => join(inputs.data.path, `${name}.npy`));
    const request = { files, outside: options.outside, report: join(out, 'ranges.json') };
    try {
      return Facts.parse(await python.call({ environment, script, request }));
    } catch (error) {
      if (error instanceof BridgeError && error.kind === 'not-numeric') throw failure('MF3105', error.message, { cause: error });
      throw error;
    }
  },
});
