import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testCluster } from '../../support/engines.ts';
import { type Road, roadTo } from '../../support/road.ts';
import { type Adder, adder, type Ground, killed, releaseInTrouble } from './ground.ts';

const cluster = testCluster();

interface ClusterGround {
  readonly ground: Ground;
  readonly road: Road;
  readonly api: CoreV1Api;
  readonly namespace: string;
}

/** A namespace that goes with the test. The CLI reaches the API server by a road of the test's own, requests reach the service without it. */
async function clusterGround(): Promise<ClusterGround> {
  const { kubeconfig = '', registry = '' } = cluster ?? {};
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const server = new URL(config.getCurrentCluster()?.server ?? '');
  const road = await roadTo({ host: server.hostname, port: Number(server.port) });
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-road-'));
  const ours = join(folder, 'kubeconfig');
  const port = 'port' in road.at ? road.at.port : 0;
  writeFileSync(ours, readFileSync(kubeconfig, 'utf8').replace(server.host, `127.0.0.1:${port}`));
  const api = config.makeApiClient(CoreV1Api);
  const namespace = `chaos-${port}`;
  await api.createNamespace({ body: { metadata: { name: namespace } } });
  onTestFinished(async () => {
    await api.deleteNamespace({ name: namespace });
    await road.cut();
    rmSync(folder, { recursive: true });
  });
  const ground: Ground = {
    config: (settings = '') => `
import { definePipeline } from 'modelflow';
import { bundle, containerize, deploy, kubernetes, onnxModel } from 'modelflow/stages';
export default definePipeline({ name: 'adder', build: () => {
  const image = containerize({ model: bundle({ model: onnxModel({ path: './model.onnx' }) }), name: 'adder' });
  return { service: deploy({ what: image, service: 'adder', target: kubernetes({
    namespace: '${namespace}', repository: '${registry}/${namespace}', replicas: 1, router: { replicas: 1 }, drainSeconds: 1,
    probes: { periodSeconds: 1 }, ${settings} }) }) };
} });
`,
    async running() {
      const { items } = await api.listNamespacedPod({ namespace });
      return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined).map(({ metadata }) => metadata?.name ?? '');
    },
    env: { KUBECONFIG: ours },
  };
  return { ground, road, api, namespace };
}

/** A release with these settings has to fail for this reason, while the one before goes on, and leave nothing that the next good one trips over. */
async function refused(service: Adder, settings: string, reason: RegExp): Promise<void> {
  const load = await service.load((added) => added === 1);
  const before = await service.ground.running();
  service.model(2);
  service.write('deploy.config.ts', service.ground.config(`readyTimeoutMs: 60_000, ${settings}`));
  const end = await service.run('run');
  expect(end.code, end.stderr).not.toBe(0);
  expect(`${end.stdout}${end.stderr}`).toMatch(reason);
  expect(await service.answer()).toBe(1);
  expect(await service.ground.running()).toEqual(before);
  expect((await load.stop()).lost).toEqual([]);
}

describe.skipIf(cluster === undefined)('on a Kubernetes cluster', { timeout: 300_000 }, () => {
  it('the CLI is killed at one moment after the other of releases: no request is lost, and the next run finishes each', async () => {
    const { ground } = await clusterGround();
    const { tally, ends } = await releaseInTrouble(adder(ground), 4, killed);
    expect(tally.lost).toEqual([]);
    expect(ends.filter(({ signal }) => signal === 'SIGKILL').length).toBeGreaterThan(1);
  });

  it('the API server is away for some seconds at one moment after the other of releases: each goes on by itself, and no request is lost', async () => {
    const { ground, road } = await clusterGround();
    const { tally, ends } = await releaseInTrouble(adder(ground), 2, {
      async act() {
        await road.cut();
        await pause(3_000);
        await road.open();
      },
    });
    expect(tally.lost).toEqual([]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  });

  it('an API server that hangs is given up by Ctrl-C, and the next run finishes what was begun', async () => {
    const { ground, road } = await clusterGround();
    const { tally, ends } = await releaseInTrouble(adder(ground), 2, {
      act: ({ child }) => {
        road.stall();
        child.kill('SIGINT');
      },
      mend: () => road.open(),
    });
    expect(tally.lost).toEqual([]);
    expect(ends.map(({ code }) => code).filter((code) => code !== 0 && code !== 130)).toEqual([]);
  });

  it.each([
    [
      'asks for more than any node has',
      `resources: { requests: { cpu: '500', memory: '64Mi' }, limits: { cpu: '500', memory: '1Gi' } }`,
      /Insufficient cpu/,
    ],
    ['needs a Secret that is not there', `envFrom: [{ secret: 'not-there' }]`, /not-there/],
  ])('a release that %s is refused with the reason, and the one before goes on', async (_, settings, reason) => {
    const { ground } = await clusterGround();
    const service = adder(ground);
    await service.release();
    await refused(service, settings, reason);
    service.write('deploy.config.ts', ground.config());
    await service.release();
    expect(await service.answer()).toBe(2);
  });

  it('a release for which the quota has no room is refused with the reason, and the one before goes on', async () => {
    const { ground, api, namespace } = await clusterGround();
    const service = adder(ground);
    await service.release();
    const pods = (await ground.running()).length;
    await api.createNamespacedResourceQuota({ namespace, body: { metadata: { name: 'few' }, spec: { hard: { pods: String(pods) } } } });
    await refused(service, '', /quota/);
    await api.deleteNamespacedResourceQuota({ namespace, name: 'few' });
    await service.release();
    expect(await service.answer()).toBe(2);
  });
});
