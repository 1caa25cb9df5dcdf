import { failure } from '../../../core/index.ts';
import { fieldManager, type LiveObject } from './api.ts';
import type { Cluster } from './client.ts';
import { asFailure, hasStatus } from './refusals.ts';

/** Makes the namespace when it is not there and the settings say so. Who may not look at namespaces is taken to have one. */
export async function ensureNamespace(cluster: Cluster, { createNamespace }: { readonly createNamespace: boolean }): Promise<void> {
  const { namespace } = cluster;
  const { isThere, isGoing } = await lookFor(cluster);
  if (isGoing) throw goingNamespace(namespace);
  if (isThere) return;
  if (!createNamespace) throw noNamespace(cluster);
  try {
    await cluster.ask({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}`,
      query: { fieldManager },
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    });
  } catch (error) {
    throw asFailure(error, `making the namespace ${namespace}`, cluster.server);
  }
}

export function noNamespace({ namespace, context, server }: Cluster): Error {
  return failure('MF5282', `there is no namespace ${namespace} in the cluster at ${server} (context ${context})`, {
    hint: `Make it with \`kubectl create namespace ${namespace}\`, or give the target \`createNamespace: true\`.`,
  });
}

/** Nothing can be made in one that is being deleted, and what is in it goes. */
export function goingNamespace(namespace: string): Error {
  return failure('MF5282', `the namespace ${namespace} is being deleted, with all that is in it`, {
    hint: `Wait until it is gone, and make it again; \`kubectl get namespace ${namespace} -o yaml\` tells what holds it.`,
  });
}

export async function isThere(cluster: Cluster): Promise<boolean> {
  return (await lookFor(cluster)).isThere;
}

export async function lookFor(cluster: Cluster): Promise<{ readonly isThere: boolean; readonly isGoing: boolean }> {
  try {
    const found = (await cluster.ask({ path: `/api/v1/namespaces/${cluster.namespace}` })) as Pick<LiveObject, 'metadata'>;
    return { isThere: true, isGoing: found.metadata.deletionTimestamp !== undefined };
  } catch (error) {
    if (hasStatus(error, 404)) return { isThere: false, isGoing: false };
    if (hasStatus(error, 403)) return { isThere: true, isGoing: false };
    throw asFailure(error, `looking for the namespace ${cluster.namespace}`, cluster.server);
  }
}
