import { type Check, fixture, targetSuite } from 'modelflow/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubernetes } from '../../stages/deploy/targets/kubernetes.ts';
import { OciImage } from '../../stages/kinds.ts';
import { testCluster } from '../support/engines.ts';
import { ClusterRig, small } from './service-rig.ts';
import { pushStandIn } from './stand-in-image.ts';

const cluster = testCluster();

describe.skipIf(cluster === undefined)('the Kubernetes target, on a cluster', () => {
  let rig: ClusterRig;
  let checks: readonly Check[];

  beforeAll(async () => {
    if (cluster === undefined) return;
    rig = await ClusterRig.open(cluster, 'suite');
    const images = [await pushStandIn(cluster.registry, 'one'), await pushStandIn(cluster.registry, 'two')] as const;
    const { kubeconfig, namespace } = rig;
    checks = targetSuite({
      target: kubernetes({ ...small, kubeconfig, namespace, drainSeconds: 1 }),
      releases: [fixture(OciImage, images[0].facts), fixture(OciImage, images[1].facts)],
      service: 'suite',
      ask: async ({ url }) => expect((await fetch(url ?? '')).status).toBe(200),
    });
  }, 120_000);
  afterAll(() => rig?.close());

  test('is what the engine counts on', { timeout: 300_000 }, async () => {
    const broken: string[] = [];
    for (const { name, run } of checks) await run().catch((error: unknown) => broken.push(`${name}: ${String(error)}`));
    expect(broken).toEqual([]);
  });
});
