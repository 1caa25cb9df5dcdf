import { list } from './api.ts';
import type { Cluster } from './client.ts';
import type { Pod, ServiceObject } from './live-objects.ts';
import { ownedBy } from './names.ts';

/** The parts of the settings that say how a service is reached, as they were released. */
interface Reached {
  readonly expose?: {
    readonly ingress?: { readonly host?: string; readonly path?: string; readonly tlsSecret?: string };
    readonly gateway?: { readonly host?: string; readonly path?: string };
  };
}

/** Where users reach the service: the host it is exposed under, else the address of the load balancer, the port of a node, or the one in the cluster. */
export async function urlOf(cluster: Cluster, front: ServiceObject, service: string, settings: unknown): Promise<string> {
  const { expose } = settings as Reached;
  const outside = expose?.ingress ?? expose?.gateway;
  if (outside?.host !== undefined) {
    const scheme = expose?.ingress?.tlsSecret === undefined ? 'http' : 'https';
    return `${scheme}://${outside.host}${(outside.path ?? '/').replace(/\/$/, '')}`;
  }
  const [port] = front.spec.ports ?? [];
  const [balancer] = front.status?.loadBalancer?.ingress ?? [];
  const address = balancer?.hostname ?? balancer?.ip;
  if (address !== undefined) return at(address, port?.port);
  if (front.spec.type === 'NodePort' && port?.nodePort !== undefined) {
    const node = await nodeAddress(cluster, service);
    if (node !== undefined) return at(node, port.nodePort);
  }
  return at(front.spec.clusterIP ?? `${front.metadata.name}.${cluster.namespace}.svc`, port?.port);
}

/** A node that runs a pod of the service; what nodes there are, only those may list who see the whole cluster. */
async function nodeAddress(cluster: Cluster, service: string): Promise<string | undefined> {
  const pods = await list<Pod>(cluster, 'Pod', { labels: ownedBy(service) });
  return pods.flatMap(({ status }) => status?.hostIP ?? []).sort()[0];
}

function at(host: string, port: number | undefined): string {
  const named = host.includes(':') ? `[${host}]` : host;
  return `http://${named}${port === undefined || port === 80 ? '' : `:${port}`}`;
}
