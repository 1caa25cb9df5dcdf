import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { type RenderedFile, secret } from '../../core/index.ts';
import type { ClusterObject } from '../../stages/deploy/kubernetes/objects.ts';
import { renderFormats, renderService } from '../../stages/deploy/kubernetes/render.ts';
import { testCluster } from '../support/engines.ts';
import { everything, given, type SettingsGiven, stable } from './given.ts';
import { type Judge, judgeOf } from './server.ts';

const digest = `sha256:${'2'.repeat(64)}`;
const image = {
  kind: 'oci-image',
  digest: 'd',
  path: '/nowhere',
  facts: { name: 'digits', tag: 't', digest, port: 8080, user: '65532:65532' },
} as never;
const settled: SettingsGiven = { repository: 'ghcr.io/acme' };
const scaled: SettingsGiven = {
  ...settled,
  namespace: 'shop',
  autoscale: { max: 4 },
  networkPolicy: false,
  expose: { gateway: { name: 'front', host: 'digits.acme.com' } },
};

async function rendered(settings: SettingsGiven, format: string, more: { readonly image?: string; readonly profile?: string } = {}) {
  const signal = new AbortController().signal;
  const log = { info: () => undefined, warn: () => undefined, progress: () => undefined };
  const ctx = { settings: given(settings).settings, signal, log, stateFolder: '/nowhere' };
  const want = { service: 'digits', revisions: [{ stamp: stable, weight: 100, what: image }] };
  const files = await renderService(ctx, want, format, { profile: 'production', ...more });
  if (!files) throw new Error('it made no files');
  return files;
}

function objectsIn(text: string): readonly ClusterObject[] {
  // Read as kubectl does: YAML 1.1 has more words for true and false.
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS() as ClusterObject);
}

async function yaml(settings: SettingsGiven): Promise<readonly ClusterObject[]> {
  return (await rendered(settings, 'yaml')).flatMap(({ text }) => objectsIn(text));
}

describe('a service as files', () => {
  test('YAML has one Deployment under the name of the service, which the Service selects, and nothing that only modelflow could drive', async () => {
    const objects = await yaml(settled);
    expect(objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      'ServiceAccount/digits',
      'NetworkPolicy/digits-model',
      'PodDisruptionBudget/digits',
      'Deployment/digits',
      'Service/digits',
    ]);
    const selector = { 'modelflow.dev/service': 'digits', 'modelflow.dev/component': 'model' };
    const spec = (kind: string) => objects.find((object) => object.kind === kind)?.['spec'];
    expect(spec('Service')).toMatchObject({ selector });
    expect(spec('Deployment')).toMatchObject({ selector: { matchLabels: selector }, template: { metadata: { labels: selector } } });
    expect(JSON.stringify(spec('Deployment'))).toContain(`"image":"ghcr.io/acme/digits@${digest}"`);
  });

  test('the same is rendered to the same bytes, and text that YAML 1.1 takes for something else is quoted', async () => {
    const [first] = await rendered({ ...settled, ...everything }, 'yaml');
    expect(await rendered({ ...settled, ...everything }, 'yaml')).toEqual([first]);
    const env = {
      YES: 'yes',
      ON: 'on',
      OCTAL: '0777',
      FLOAT: '1e3',
      SIXTY: '12:30:45',
      NULL: '~',
      EMPTY: '',
      LINES: 'a\nb',
      HASH: 'a # b',
    };
    const [deployment] = (await yaml({ ...settled, env })).filter(({ kind }) => kind === 'Deployment');
    const pod = deployment?.['spec'] as { template: { spec: { containers: [{ env: { name: string; value: unknown }[] }] } } };
    expect(Object.fromEntries(pod.template.spec.containers[0].env.map(({ name, value }) => [name, value]))).toEqual(env);
  });

  test('the value of a secret is in no file: the head says which Secret to make', async () => {
    const [file] = await rendered({ ...settled, namespace: 'shop', env: { API_TOKEN: secret('DIGITS_TOKEN') } }, 'yaml');
    expect(file?.text).toContain('#   kubectl create secret generic digits --namespace shop --from-literal=API_TOKEN="$API_TOKEN"');
    expect(file?.text).toMatch(/secretKeyRef:\s+name: digits\s+key: API_TOKEN/);
  });

  test('another image can be named; one that is in no registry cannot be left unnamed', async () => {
    const [file] = await rendered({}, 'yaml', { image: 'registry.test/digits:v1' });
    expect(file?.text).toContain('image: registry.test/digits:v1\n');
    await expect(rendered({}, 'yaml')).rejects.toThrow(/MF5287: the image digits is in no registry/);
  });

  test('without a release there is nothing to render but the rights', async () => {
    const ctx = { settings: given().settings } as never;
    const want = { service: 'digits', revisions: [] };
    expect(await renderService(ctx, want, 'yaml', { profile: 'p' })).toBeUndefined();
    const [file] = (await renderService(ctx, want, 'rbac', { profile: 'p' })) ?? [];
    const rights = objectsIn(file?.text ?? '');
    expect(rights.map(({ kind }) => kind)).toEqual(['ServiceAccount', 'Role', 'RoleBinding']);
    // What carries these labels is removed when the service has it no more.
    for (const { metadata } of rights) expect(metadata.labels).toBeUndefined();
  });

  test('the base of Kustomize is the same for every profile, and the overlay says what is different, step by step', async () => {
    const [one, other] = [await rendered(settled, 'kustomize'), await rendered(scaled, 'kustomize', { profile: 'staging' })];
    const bases = (files: readonly RenderedFile[]) => files.filter(({ path }) => path.startsWith('digits/base/'));
    expect(bases(one)).toEqual(bases(other));
    expect(bases(one)).toHaveLength(2);
    const overlay = one.find(({ path }) => path === 'digits/overlays/production/kustomization.yaml')?.text ?? '';
    expect(parse(overlay)).toMatchObject({ images: [{ name: 'digits', newName: 'ghcr.io/acme/digits', digest }], patches: [] });
    const three = await rendered({ ...settled, replicas: 3 }, 'kustomize');
    expect(parse(three.at(-1)?.text ?? '').patches).toEqual([
      { target: { kind: 'Deployment', name: 'digits' }, patch: '- {"op":"replace","path":"/spec/replicas","value":3}\n' },
    ]);
  });

  test.skipIf(!hasKubectl())('what Kustomize builds of them is what YAML has (needs kubectl)', async () => {
    const byName = (objects: readonly ClusterObject[]) =>
      objects.map((object) => [`${object.kind}/${object.metadata.name}`, object] as const);
    for (const settings of [settled, scaled, { ...settled, ...everything, namespace: 'shop' }]) {
      const built = objectsIn(buildOf(await rendered(settings, 'kustomize'), 'digits/overlays/production'));
      const plain = (await yaml(settings)).map(withoutRelease);
      expect(Object.fromEntries(byName(built))).toEqual(Object.fromEntries(byName(plain)));
    }
  });
});

const cluster = testCluster();
describe.skipIf(cluster === undefined)('a service as files, asked of a real API server', () => {
  let judge: Judge;
  beforeAll(async () => {
    if (cluster) judge = await judgeOf(cluster, `manifests-render-${process.pid}`);
  });
  afterAll(async () => judge.end());

  test('it accepts them, and a restricted namespace admits the pods', async () => {
    for (const settings of [settled, { ...scaled, expose: undefined }, { ...settled, ...everything }]) {
      const objects = await yaml(settings);
      await judge.accept(objects);
      await judge.admitPodsOf(objects);
    }
  });

  test('it accepts the rights, those to make a namespace too', async () => {
    for (const settings of [{}, { createNamespace: true, ...everything }])
      await judge.accept((await rendered(settings, 'rbac')).flatMap(({ text }) => objectsIn(text)));
  });
});

test('the formats are named', () => expect(renderFormats).toEqual(['yaml', 'kustomize', 'rbac']));

function hasKubectl(): boolean {
  try {
    execFileSync('kubectl', ['kustomize', '--help'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function buildOf(files: readonly RenderedFile[], overlay: string): string {
  const root = mkdtempSync(join(tmpdir(), 'modelflow-test-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const { path, text } of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return execFileSync('kubectl', ['kustomize', join(root, overlay)], { encoding: 'utf8' });
}

/** The release is only noted in YAML: a base that named one would not be the same for every profile. */
function withoutRelease(object: ClusterObject): ClusterObject {
  const { 'modelflow.dev/release': _, ...annotations } = object.metadata.annotations ?? {};
  return { ...object, metadata: { ...object.metadata, annotations } };
}
