import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCluster } from '../support/engines.ts';
import { loadOn } from '../support/load.ts';
import { ClusterRig } from './service-rig.ts';
import { type Image, pushStandIn } from './stand-in-image.ts';

const cluster = testCluster();
const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];

describe.skipIf(cluster === undefined)('a release on the Kubernetes cluster', () => {
  let rig: ClusterRig;
  let images: readonly [Image, Image];

  beforeAll(async () => {
    if (cluster === undefined) return;
    rig = await ClusterRig.open(cluster, 'release');
    images = [await pushStandIn(cluster.registry, 'one'), await pushStandIn(cluster.registry, 'two')];
  }, 120_000);
  afterAll(() => rig?.close());

  test.for([
    ['ten', 'router', 10],
    ['three', 'replicas', 3],
  ] as const)('%s updates under load lose no request, split by the %s', { timeout: 300_000 }, async ([, traffic, updates]) => {
    rig.service = `by-${traffic}`;
    const settings = { traffic };
    const live = await rig.apply(images[0], a, settings);
    expect(live.revisions).toMatchObject([{ stamp: a, weight: 100, health: 'ready' }]);
    const load = loadOn(live.url ?? '', { path: '/predict', requestsPerSecond: 50 });
    for (let round = 0; round < updates; round++) {
      await rig.apply(images[(round + 1) % 2] as Image, round % 2 === 0 ? b : a, settings);
      await load.answered(20);
    }
    const { sent, lost } = await load.stop();
    expect({ sent, lost }).toEqual({ sent, lost: [] });
    expect(sent).toBeGreaterThan(20 * updates);
    await rig.remove();
    expect((await rig.read()).revisions).toEqual([]);
  });
});
