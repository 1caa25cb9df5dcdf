import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCluster } from '../support/engines.ts';
import type { SettingsGiven } from './given.ts';
import { ClusterRig, diagnosticOf } from './service-rig.ts';
import { type Image, imageAt, pushStandIn } from './stand-in-image.ts';

const cluster = testCluster();
const [good, bad] = ['a'.repeat(64), 'b'.repeat(64)];

describe.skipIf(cluster === undefined)('a release that fails on the Kubernetes cluster', () => {
  let rig: ClusterRig;
  let image: Image;

  beforeAll(async () => {
    if (cluster === undefined) return;
    rig = await ClusterRig.open(cluster, 'refused');
    image = await pushStandIn(cluster.registry, 'one');
    await rig.apply(image, good);
  }, 120_000);
  afterAll(() => rig?.close());

  /** The reason is told, what was live is all that is there, and it goes on serving. */
  async function refused(what: Image, more: SettingsGiven, code: string, ...words: readonly RegExp[]): Promise<void> {
    const diagnostic = await diagnosticOf(rig.apply(what, bad, more));
    expect(diagnostic).toMatchObject({ code });
    const told = [diagnostic.message, ...(diagnostic.detail ?? [])].join('\n');
    for (const word of words) expect(told).toMatch(word);
    expect(diagnostic.hint).toBeTruthy();
    const live = await rig.read();
    expect(live.revisions).toMatchObject([{ stamp: good, weight: 100, health: 'ready' }]);
    expect(live.drift).toBeUndefined();
    expect((await fetch(live.url ?? '')).status).toBe(200);
  }
  const mode = (given: string, more: SettingsGiven = {}): SettingsGiven => ({ env: { MODE: given }, ...more });

  test('an image that is not in the registry is named, with what the registry said', { timeout: 60_000 }, async () => {
    const missing = imageAt(`${cluster?.registry}/never-pushed`, `sha256:${'0'.repeat(64)}`);
    await refused(missing, {}, 'MF5271', /never-pushed/, /not found/);
  });
  test('a container that crashes is told with its exit code and its last lines', { timeout: 60_000 }, async () => {
    await refused(image, mode('crash'), 'MF5272', /exit code 3/, /the model is broken: bad opset/);
  });
  test('a container that is killed for its memory is told with its limit', { timeout: 60_000 }, async () => {
    const resources = { requests: { memory: '32Mi' }, limits: { memory: '96Mi' } };
    await refused(image, mode('greedy', { resources }), 'MF5273', /96Mi/);
  });
  test('pods that fit on no node are told in the words of the scheduler', { timeout: 60_000 }, async () => {
    const resources = { requests: { cpu: '900' }, limits: {} };
    await refused(image, { resources }, 'MF5274', /Insufficient cpu/);
  });
  test('a release that never gets ready is told with the answer to its probe', { timeout: 60_000 }, async () => {
    await refused(image, mode('unready', { readyTimeoutMs: 5_000 }), 'MF5275', /503/, /stand-in one starts as unready/);
  });
  test('a Secret that is not there is named', { timeout: 60_000 }, async () => {
    await refused(image, { envFrom: [{ secret: 'forgotten' }] }, 'MF5278', /forgotten/);
  });
  test('a volume whose ConfigMap is not there is named', { timeout: 60_000 }, async () => {
    const volumes = [{ name: 'rules', mountPath: '/rules', configMap: 'forgotten' }];
    await refused(image, { volumes }, 'MF5279', /forgotten/);
  });
  test('a quota that is used up is told, and what failed does not hold it', { timeout: 60_000 }, async () => {
    await rig.in('create', 'quota', 'tight', '--hard=pods=1');
    await refused(image, {}, 'MF5276', /exceeded quota: tight/);
    await rig.in('delete', 'quota', 'tight');
  });
  test('a ServiceAccount that is not there is named', { timeout: 60_000 }, async () => {
    await refused(image, { serviceAccount: 'nobody' }, 'MF5276', /nobody/);
  });
  test('a router that was changed for it is as before', { timeout: 90_000 }, async () => {
    const direct = rig.service;
    rig.service = 'routed';
    const router = { traffic: 'router', router: { replicas: 1 } } as const;
    await rig.apply(image, good, router);
    await refused(image, { ...router, nodeSelector: { 'test/place': 'nowhere' } }, 'MF5274', /affinity\/selector/);
    const { spec } = JSON.parse(await rig.in('get', 'deployment/routed-router', '-o', 'json'));
    expect(spec.template.spec.nodeSelector).toBeUndefined();
    await rig.remove();
    rig.service = direct;
  });
  test('what Pod Security forbids is told in the words of the API server', { timeout: 60_000 }, async () => {
    await rig.kubectl('label', 'namespace', rig.namespace, 'pod-security.kubernetes.io/enforce=restricted');
    const root = { ...image, facts: { ...image.facts, user: '0:0' } };
    await refused(root, {}, 'MF5276', /violates PodSecurity/);
  });
});
