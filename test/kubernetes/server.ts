import { readFileSync } from 'node:fs';
import { CoreV1Api, KubeConfig, type KubernetesObject, KubernetesObjectApi, PatchStrategy, type V1Pod } from '@kubernetes/client-node';
import type { ClusterObject } from '../../stages/deploy/kubernetes/objects.ts';
import type { TestCluster } from '../support/engines.ts';

/** Asks the real API server what it thinks of objects, and keeps none of them. */
export interface Judge {
  /** Fails with what the server says. */
  accept(objects: readonly ClusterObject[]): Promise<void>;
  /** The pods of a Deployment, admitted as pods: Deployments themselves are admitted whatever their pods are. */
  admitPodsOf(objects: readonly ClusterObject[]): Promise<void>;
  end(): Promise<void>;
}

/** With a namespace of its own, in which only restricted pods are admitted. */
export async function judgeOf(cluster: TestCluster, namespace: string): Promise<Judge> {
  const config = new KubeConfig();
  config.loadFromString(readFileSync(cluster.kubeconfig, 'utf8'));
  const core = config.makeApiClient(CoreV1Api);
  const objects = KubernetesObjectApi.makeApiClient(config);
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await core.createNamespace({ body: { metadata: { name: namespace, labels } } });
  const within = (object: ClusterObject): KubernetesObject =>
    ({ ...object, metadata: { ...object.metadata, namespace } }) as unknown as KubernetesObject;
  return {
    async accept(given) {
      for (const object of given)
        await objects
          .patch(within(object), undefined, 'All', 'manifests-test', true, PatchStrategy.ServerSideApply)
          .catch((error: unknown) => {
            throw new Error(`${object.kind}/${object.metadata.name}: ${error instanceof Error ? error.message : String(error)}`);
          });
    },
    async admitPodsOf(given) {
      for (const { kind, spec } of given) {
        if (kind !== 'Deployment') continue;
        const { metadata, spec: pod } = (spec as { template: V1Pod }).template;
        // The service account would have to be there; every pod may run as the one that is.
        const body = { metadata: { ...metadata, generateName: 'pod-' }, spec: { ...pod, serviceAccountName: 'default' } } as V1Pod;
        await core.createNamespacedPod({ namespace, dryRun: 'All', body });
      }
    },
    async end() {
      await core.deleteNamespace({ name: namespace });
    },
  };
}
