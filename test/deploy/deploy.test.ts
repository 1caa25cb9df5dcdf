import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineArtifact, defineStage, defineTarget, type LiveService, ModelflowError, z } from 'modelflow';
import { deploy, local, OnnxModel, ServingBundle } from 'modelflow/stages';
import { afterEach, beforeEach, expect, test } from 'vitest';

const Image = defineArtifact('acme-image', z.object({ ref: z.string() }));
const image = defineStage({ name: 'acme/image', version: 1, inputs: {}, options: {}, output: Image, run: async () => ({ ref: 'x' }) });
const served = defineStage({
  name: 'served',
  version: 1,
  inputs: {},
  options: {},
  output: ServingBundle,
  run: async () => ({ name: 'a', model: 'a.onnx', precision: 'float32', runtimeVersion: '1', sizeBytes: 1, ociDigest: 'sha256:0' }),
});
const onnx = defineStage({
  name: 'onnx',
  version: 1,
  inputs: {},
  options: {},
  output: OnnxModel,
  run: async () => Promise.reject(new Error('never run')),
});
const nowhere = async () => Promise.reject(new Error('never called'));
const cloud = defineTarget({
  name: 'acme/cloud',
  version: 1,
  settings: { region: z.string() },
  runs: [Image],
  check: nowhere,
  read: nowhere,
  apply: nowhere,
  probe: nowhere,
  remove: nowhere,
});

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'mf-deploy-stage-'));
});
afterEach(() => rm(out, { recursive: true, force: true }));

function problem(make: () => unknown) {
  try {
    make();
  } catch (error) {
    if (error instanceof ModelflowError) return error.diagnostics[0];
    throw error;
  }
  throw new Error('nothing was wrong');
}

test('what a target runs can be deployed to it, a target of a third party and its own kind of artifact too', () => {
  const ref = deploy({ what: served({}), service: 'digits', target: local({ port: 0 }) });
  expect(ref.kind.name).toBe('deployment');
  expect(deploy({ what: image({}), service: 'digits', target: cloud({ region: 'north' }) }).node.inputs['what']).toMatchObject({
    kind: Image,
  });
});

test('the engine is told the target, the service and the slot of what is deployed', () => {
  const { node } = deploy({ what: served({}), service: 'digits', target: local({ port: 9000 }) });
  const placement = node.stage.deploys?.(node.options as never);
  expect(placement).toMatchObject({ service: 'digits', slot: 'what', target: { target: 'local', settings: { port: 9000 } } });
});

test('what a target does not run is refused by the compiler and again when it is called, at the place of the call', () => {
  const found = problem(() => {
    // @ts-expect-error the local target runs bundles, no bare models
    deploy({ what: onnx({}), service: 'digits', target: local({}) });
  });
  expect(found).toMatchObject({ code: 'MF1103', message: 'target local: input `what` takes serving-bundle, and was given a onnx-model' });
  expect(found?.at?.file).toBe(import.meta.filename);
  // @ts-expect-error a bundle is no image
  expect(problem(() => deploy({ what: served({}), service: 'digits', target: cloud({ region: 'north' }) }))?.code).toBe('MF1103');
});

test('a service without a name, a name that is none, a missing target and a misspelt setting are refused in words', () => {
  const plain = deploy as (given: unknown) => unknown;
  expect(problem(() => plain({ what: served({}), target: local({}) }))).toMatchObject({
    code: 'MF1101',
    message: 'deploy: option `service` is missing',
  });
  expect(problem(() => plain({ what: served({}), service: '../up', target: local({}) }))).toMatchObject({
    code: 'MF1101',
    hint: expect.stringContaining('beginning with'),
  });
  expect(problem(() => plain({ what: served({}), service: 'a', target: 'local' }))).toMatchObject({
    code: 'MF1101',
    hint: expect.stringContaining('local('),
  });
  expect(problem(() => (local as (given: unknown) => unknown)({ prot: 1 }))).toMatchObject({
    code: 'MF1102',
    hint: 'Did you mean `port`?',
  });
  expect(problem(() => local({ port: 70_000 }))?.code).toBe('MF1101');
});

async function run(live: LiveService | undefined) {
  const { node } = deploy({ what: served({}), service: 'digits', target: local({}) });
  const context = { options: node.options, out, ...(live ? { live } : {}) };
  return node.stage.run(context as never);
}

test('what came of the rollout is written down: where, which revision, with which stamp', async () => {
  const live: LiveService = {
    service: 'digits',
    url: 'http://127.0.0.1:8080',
    revisions: [
      { id: '3', stamp: 'old', weight: 0, health: 'ready' },
      { id: '4', stamp: 'new', weight: 100, health: 'ready' },
    ],
    token: 't',
    settings: {},
  };
  const facts = await run(live);
  expect(facts).toEqual({ service: 'digits', target: 'local', url: 'http://127.0.0.1:8080', stamp: 'new', revision: '4' });
  expect(JSON.parse(await readFile(join(out, 'deployment.json'), 'utf8'))).toEqual(facts);
});

test('a service that is not live after the rollout is an error, never a deployment', async () => {
  await expect(run(undefined)).rejects.toMatchObject({ diagnostics: [{ code: 'MF5001' }] });
});
