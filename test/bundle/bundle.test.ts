import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Artifact, Log } from 'modelflow';
import { BundleManifest, openModel, runtimeVersion } from 'modelflow/serve';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundle } from '../../stages/bundle/index.ts';
import type { OnnxModel } from '../../stages/kinds.ts';
import { identity, linear } from '../serve/example-models.ts';
import { type GraphSpec, onnxModel } from '../serve/onnx-model.ts';
import { externalModel } from './external-model.ts';

type Given = Parameters<typeof bundle.def.run>[0];
const processing = { input: { scale: 0.5 }, output: { activation: 'softmax' as const, labels: ['no', 'yes'] } };
const signature = {
  inputs: [{ name: 'x', dtype: 'float32' as const, shape: [null, 3] }],
  outputs: [{ name: 'y', dtype: 'float32' as const, shape: [null, 2] }],
};

let folder: string;
let warnings: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mf-bundle-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function modelOf(bytes: Uint8Array, file = 'model.onnx', facts: Partial<Artifact<typeof OnnxModel>['facts']> = {}) {
  const path = await mkdtemp(join(folder, 'model-'));
  await writeFile(join(path, file), bytes);
  return {
    kind: 'onnx-model' as const,
    digest: '0'.repeat(64),
    path,
    sizeBytes: bytes.length,
    facts: { model: file, opset: 17, precision: 'float32' as const, signature, processing, sizeBytes: bytes.length, ...facts },
  };
}

async function run(model: Artifact<typeof OnnxModel>, name?: string) {
  const out = await mkdtemp(join(folder, 'out-'));
  const log: Log = { info: () => {}, warn: (line) => warnings.push(line), progress: () => {} };
  const refuse = () => Promise.reject(new Error('a bundle needs no other program'));
  const context: Given = {
    inputs: { model },
    options: { name },
    out,
    signal: new AbortController().signal,
    log,
    process: { run: refuse },
    python: { call: refuse },
  };
  return { out, facts: bundle.def.output.facts.parse(await bundle.def.run(context)) };
}

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

test('a bundle holds the model and a manifest that the serving door reads, with what the model says of itself', async () => {
  const { out, facts } = await run(await modelOf(onnxModel(linear())), 'digits');
  expect(BundleManifest.parse(await json(join(out, 'bundle.json')))).toEqual({
    format: 1,
    name: 'digits',
    model: 'model.onnx',
    signature,
    processing,
    opset: 17,
    precision: 'float32',
    runtime: { name: 'onnxruntime-node', version: runtimeVersion() },
  });
  const model = await openModel(join(out, 'model.onnx'));
  const { y } = await model.run({ x: { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 0, 0) } });
  await model.close();
  expect(y?.data).toEqual(Float32Array.of(1.5, 1.5));
  const sizes = await Promise.all(['bundle.json', 'model.onnx'].map(async (name) => (await readFile(join(out, name))).length));
  expect(facts).toMatchObject({ name: 'digits', model: 'model.onnx', sizeBytes: (sizes[0] ?? 0) + (sizes[1] ?? 0) });
});

test.each([
  ['churn v2.onnx', 'churn-v2'],
  ['.hidden.onnx', 'hidden'],
  ['модель.onnx', 'model'],
])('without a name, %s is served as %s', async (file, name) => {
  expect((await run(await modelOf(onnxModel(linear()), file))).facts.name).toBe(name);
});

test('every blob of the layout lies under its own digest, and manifest, config and layers fit together', async () => {
  const { out, facts } = await run(await modelOf(onnxModel(linear())), 'digits');
  const oci = join(out, 'oci');
  const blobs = await readdir(join(oci, 'blobs', 'sha256'));
  for (const name of blobs)
    expect(
      createHash('sha256')
        .update(await readFile(join(oci, 'blobs', 'sha256', name)))
        .digest('hex'),
    ).toBe(name);
  expect(await json(join(oci, 'oci-layout'))).toEqual({ imageLayoutVersion: '1.0.0' });
  const blob = (digest: string) => join(oci, 'blobs', ...digest.split(':'));
  const index = await json(join(oci, 'index.json'));
  expect(index.manifests.map(({ digest }: { digest: string }) => digest)).toEqual([facts.ociDigest]);
  const manifest = await json(blob(facts.ociDigest));
  expect(manifest).toMatchObject({
    artifactType: 'application/vnd.cncf.model.manifest.v1+json',
    config: { mediaType: 'application/vnd.cncf.model.config.v1+json' },
    layers: [
      { mediaType: 'application/vnd.cncf.model.weight.v1.raw', annotations: { 'org.cncf.model.filepath': 'model.onnx' } },
      { mediaType: 'application/vnd.cncf.model.weight.config.v1.raw', annotations: { 'org.cncf.model.filepath': 'bundle.json' } },
    ],
  });
  const config = await json(blob(manifest.config.digest));
  expect(config).toEqual({
    descriptor: { name: 'digits' },
    config: { format: 'onnx', precision: 'float32' },
    modelfs: { type: 'layers', diffIds: manifest.layers.map(({ digest }: { digest: string }) => digest) },
  });
  for (const layer of manifest.layers) {
    const file = await readFile(join(out, layer.annotations['org.opencontainers.image.title']));
    expect(file.equals(await readFile(blob(layer.digest)))).toBe(true);
    expect(layer.size).toBe(file.length);
  }
  expect(blobs.length).toBe(manifest.layers.length + 2);
});

test('the same model gives the same bytes, and another name another digest', async () => {
  const once = await run(await modelOf(onnxModel(linear())), 'digits');
  const twice = await run(await modelOf(onnxModel(linear())), 'digits');
  expect(twice.facts).toEqual(once.facts);
  for (const path of ['bundle.json', 'oci/index.json', 'oci/oci-layout']) {
    expect(await readFile(join(twice.out, path), 'utf8')).toBe(await readFile(join(once.out, path), 'utf8'));
  }
  expect((await run(await modelOf(onnxModel(linear())), 'other')).facts.ociDigest).not.toBe(once.facts.ociDigest);
});

test('weights that lie outside the model file come along, in subfolders too, and the bundle runs without the original', async () => {
  const { bytes, data, location } = externalModel('weights/part.bin');
  const model = await modelOf(bytes);
  await mkdir(join(model.path, 'weights'));
  await writeFile(join(model.path, location), data);
  const { out } = await run(model);
  await rm(model.path, { recursive: true });
  const opened = await openModel(join(out, 'model.onnx'));
  const { y } = await opened.run({ x: { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 1, 1) } });
  await opened.close();
  expect(y?.data).toEqual(Float32Array.of(10, 20, 30));
  const index = await json(join(out, 'oci', 'index.json'));
  const manifest = await json(join(out, 'oci', 'blobs', ...index.manifests[0].digest.split(':')));
  expect(manifest.layers.map((layer: { annotations: Record<string, string> }) => layer.annotations['org.cncf.model.filepath'])).toEqual([
    'model.onnx',
    'weights/part.bin',
    'bundle.json',
  ]);
});

test('a file that the serving runtime cannot load is refused with what the runtime says', async () => {
  const graph: GraphSpec = { ...linear(), nodes: [{ op: 'NoSuchOperator', inputs: ['x'], outputs: ['y'] }] };
  await expect(run(await modelOf(onnxModel(graph)))).rejects.toMatchObject({
    diagnostics: [{ code: 'MF3101', message: expect.stringMatching(/cannot load `model\.onnx`.*NoSuchOperator/s) }],
  });
});

test('a model of text input, which zeros may not suit, is bundled all the same', async () => {
  const text = {
    inputs: [{ name: 'x', dtype: 'string' as const, shape: [null, 1] }],
    outputs: [{ name: 'y', dtype: 'string' as const, shape: [null, 1] }],
  };
  const { facts } = await run(await modelOf(onnxModel(identity('string', ['N', 1])), 'text.onnx', { signature: text, precision: 'mixed' }));
  expect(facts.name).toBe('text');
});

const hasSkopeo = (() => {
  try {
    return execFileSync('skopeo', ['--version']).length > 0;
  } catch {
    return false;
  }
})();

test.skipIf(!hasSkopeo)('skopeo copies the layout and keeps its digest (skipped where skopeo is not installed)', async () => {
  const { out, facts } = await run(await modelOf(onnxModel(linear())), 'digits');
  const copy = join(folder, 'copy');
  await promisify(execFile)('skopeo', [
    'copy',
    '--insecure-policy',
    '--preserve-digests',
    `oci:${join(out, 'oci')}:latest`,
    `oci:${copy}:v1`,
  ]);
  expect((await json(join(copy, 'index.json'))).manifests[0].digest).toBe(facts.ociDigest);
});
