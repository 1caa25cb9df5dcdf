import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realPython } from '../evaluate/python.ts';
import { imageRig, jsonOf } from './image-rig.ts';

const cyclonedx = { name: 'cyclonedx', lock: new URL('./cyclonedx.lock', import.meta.url) };

interface Component {
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly content: string }[];
  readonly licenses?: unknown;
  readonly modelCard?: unknown;
}

test('the bill of materials names all that is in the image, and the project that defines the format finds no fault with it', async () => {
  const rig = await imageRig();
  const model = await rig.bundle({ processing: { input: { image: { width: 8, height: 8, channels: 1, invert: false } } } as never });
  const { out, facts } = await rig.build(model, {}, { accuracy: 0.987, task: 'multiclass', rows: 1000 });
  const path = join(out, 'attestations', 'sbom.cdx.json');
  const script = new URL('./cyclonedx_judge.py', import.meta.url);
  expect(await realPython().call({ environment: cyclonedx, script, request: { path } })).toEqual([]);
  const sbom = await jsonOf(path);
  expect(sbom.metadata.component.hashes).toEqual([{ alg: 'SHA-256', content: facts.digest.slice(7) }]);
  const components = sbom.components as readonly Component[];
  const named = (name: string) => components.find((each) => each.name === name);
  expect(named('node')).toMatchObject({ version: process.version.slice(1), purl: `pkg:generic/node@${process.version.slice(1)}` });
  expect(named('onnxruntime-node')).toMatchObject({ type: 'library', licenses: [{ license: { id: 'MIT' } }] });
  expect(named('busboy')).toMatchObject({ purl: expect.stringMatching(/^pkg:npm\/busboy@1/), licenses: [{ license: { id: 'MIT' } }] });
  expect(named('sharp')).toBeDefined();
  expect(named('libc.so.6')?.version).toMatch(/^2\.\d+/);
  expect(named('libonnxruntime.so.1')?.hashes?.[0]?.content).toMatch(/^[a-f0-9]{64}$/);
  expect(named('digits')).toMatchObject({
    type: 'machine-learning-model',
    modelCard: {
      modelParameters: {
        task: 'classification',
        inputs: [{ format: 'x: float32 [batch, 3]' }],
        outputs: [{ format: 'y: float32 [batch, 2]' }],
      },
      quantitativeAnalysis: { performanceMetrics: [{ type: 'accuracy', value: '0.987', slice: '1000 rows' }] },
    },
  });
});

test('what is said about an image is the same whenever it is said, and names what the image was made of', async () => {
  const rig = await imageRig();
  const model = await rig.bundle();
  const [one, two] = [await rig.build(model), await rig.build(model)];
  for (const name of ['sbom.cdx.json', 'provenance.json'])
    expect(await jsonOf(join(one.out, 'attestations', name))).toEqual(await jsonOf(join(two.out, 'attestations', name)));
  const statement = await jsonOf(join(one.out, 'attestations', 'provenance.json'));
  expect(statement).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'image-test/digits', digest: { sha256: one.facts.digest.slice(7) } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        externalParameters: { name: 'image-test/digits', port: 8080 },
        resolvedDependencies: [
          { uri: 'urn:modelflow:artifact:serving-bundle', digest: { sha256: model.digest } },
          { uri: 'urn:modelflow:base:host' },
        ],
      },
    },
  });
});
