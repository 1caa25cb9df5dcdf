import { failure } from '../../../core/index.ts';
import { fieldManager } from './api.ts';
import type { Cluster } from './client.ts';
import { asFailure, hasStatus } from './refusals.ts';

/** Makes the namespace when it is not there and the settings say so. Who may not look at namespaces is taken to have one. */
export async function ensureNamespace(cluster: Cluster, { createNamespace }: { readonly createNamespace: boolean }): Promise<void> {
  if (await isThere(cluster)) return;
  const { namespace } = cluster;
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

export async function isThere(cluster: Cluster): Promise<boolean> {
  try {
    await cluster.ask({ path: `/api/v1/namespaces/${cluster.namespace}` });
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    if (hasStatus(error, 403)) return true;
    throw asFailure(error, `looking for the namespace ${cluster.namespace}`, cluster.server);
  }
}
