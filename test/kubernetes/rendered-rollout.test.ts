import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderService } from '../../stages/deploy/kubernetes/render.ts';
import { testCluster } from '../support/engines.ts';
import { loadOn } from '../support/load.ts';
import { ClusterRig } from './service-rig.ts';
import { type Image, pushStandIn } from './stand-in-image.ts';

const cluster = testCluster();

describe.skipIf(cluster === undefined)('a rendered service on the Kubernetes cluster', () => {
  let rig: ClusterRig;
  beforeAll(async () => {
    if (cluster) rig = await ClusterRig.open(cluster, 'rendered');
  });
  afterAll(() => rig?.close());

  /** As whoever has only the file would do it. */
  async function applied(what: Image, stamp: string): Promise<void> {
    const want = { service: rig.service, revisions: [{ stamp, weight: 100, what }] };
    const [file] = (await renderService(rig.context({ replicas: 2, drainSeconds: 5 }), want, 'yaml', { profile: 'default' })) ?? [];
    const path = join(tmpdir(), `${rig.namespace}.yaml`);
    writeFileSync(path, file?.text ?? '');
    await rig.in('apply', '-f', path);
    await rig.in('rollout', 'status', `deployment/${rig.service}`, '--timeout=120s');
  }

  test('it is rolled out by the cluster alone, three times under load, and loses no request', { timeout: 300_000 }, async () => {
    if (cluster === undefined) return;
    const images = [await pushStandIn(cluster.registry, 'one'), await pushStandIn(cluster.registry, 'two')] as const;
    await applied(images[0], 'a'.repeat(64));
    const address = await rig.in('get', 'service', rig.service, '-o', 'jsonpath={.spec.clusterIP}:{.spec.ports[0].port}');
    // Nodes learn of a new Service a moment after it is there; that is no request that a rollout loses.
    await reached(`http://${address}/predict`);
    const load = loadOn(`http://${address}`, { path: '/predict', requestsPerSecond: 50 });
    await load.answered(20);
    for (const round of [1, 2, 3]) await applied(images[round % 2 === 0 ? 0 : 1], String(round).repeat(64));
    await load.answered(20);
    const { sent, lost } = await load.stop();
    expect({ sent, lost }).toEqual({ sent, lost: [] });
    expect(sent).toBeGreaterThan(100);
  });
});

async function reached(url: string): Promise<void> {
  const answered = await fetch(url).then(
    (answer) => answer.ok,
    () => false,
  );
  if (!answered) await reached(url);
}
