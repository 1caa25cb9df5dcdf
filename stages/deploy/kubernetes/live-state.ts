import { createHash } from 'node:crypto';
import { type LiveService, type Revision, z } from '../../../core/index.ts';
import { type LiveObject, list } from './api.ts';
import type { Cluster } from './client.ts';
import { appliedKey } from './drift.ts';
import type { Condition, Deployment, ServiceObject } from './live-objects.ts';
import { driftOfService } from './missing.ts';
import { baseName, domain, ownedBy, revisionName } from './names.ts';
import { stampOf } from './objects.ts';
import { urlOf } from './url.ts';

/** On the Service: who gets how much of the traffic. It changes in the same moment as whom the Service selects. */
export const trafficKey = `${domain}/traffic`;
/** On the Service: the settings it was released with; of a secret only the name. */
export const settingsKey = `${domain}/settings`;
export const componentKey = `${domain}/component`;

const Share = z.object({ stamp: z.string(), weight: z.number(), mirror: z.number().optional() });
export type Share = z.output<typeof Share>;

/** What the cluster has of a service, as far as a plan needs to know it. */
export interface LiveState {
  readonly deployments: readonly Deployment[];
  readonly services: readonly ServiceObject[];
}

export async function lookAt(cluster: Cluster, service: string): Promise<LiveState> {
  const [deployments, services] = await Promise.all([
    list<Deployment>(cluster, 'Deployment', { labels: ownedBy(service) }),
    list<ServiceObject>(cluster, 'Service', { labels: ownedBy(service) }),
  ]);
  const isThere = ({ metadata }: LiveObject): boolean => metadata.deletionTimestamp === undefined;
  return { deployments: deployments.filter(isThere), services: services.filter(isThere) };
}

/** The Service that users call. */
export function frontOf({ services }: LiveState, service: string): ServiceObject | undefined {
  return services.find(({ metadata }) => metadata.name === baseName(service));
}

export function sharesOf(state: LiveState, service: string): readonly Share[] {
  const written = frontOf(state, service)?.metadata.annotations?.[trafficKey];
  if (written === undefined) return [];
  try {
    return z.array(Share).parse(JSON.parse(written));
  } catch {
    return [];
  }
}

export async function liveService(cluster: Cluster, service: string, state: LiveState): Promise<LiveService> {
  const revisions = revisionsOf(state, service);
  const front = frontOf(state, service);
  const settings = settingsOf(front);
  const drift = revisions.length === 0 ? [] : await driftOfService(cluster, service);
  return {
    service,
    url: front && (await urlOf(cluster, front, service, settings)),
    revisions,
    token: tokenOf(state),
    settings,
    ...(drift.length > 0 ? { drift } : {}),
  };
}

function revisionsOf(state: LiveState, service: string): readonly Revision[] {
  const shares = sharesOf(state, service);
  const servers = state.deployments.filter(({ metadata }) => metadata.labels?.[componentKey] !== 'router');
  const there = servers.map((deployment): Revision => {
    const stamp = stampOf(deployment);
    const share = shares.find((each) => each.stamp === stamp);
    return revision(deployment.metadata.name, stamp, share, healthOf(deployment));
  });
  // Users are sent to a revision that somebody has deleted.
  const missing = shares.filter(({ stamp, weight }) => weight > 0 && !servers.some((each) => stampOf(each) === stamp));
  const gone = missing.map((share) => revision(revisionName(service, share.stamp), share.stamp, share, 'stopped'));
  return [...there, ...gone].sort((a, b) => b.weight - a.weight || a.id.localeCompare(b.id));
}

function revision(id: string, stamp: string | undefined, share: Share | undefined, health: Revision['health']): Revision {
  const mirror = share?.mirror;
  return { id, stamp, weight: share?.weight ?? 0, ...(mirror === undefined ? {} : { mirror }), health };
}

export function healthOf({ spec, status, metadata }: Deployment): Revision['health'] {
  const wanted = spec.replicas ?? 1;
  if (wanted === 0) return 'stopped';
  const isSeen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const updated = status?.updatedReplicas ?? 0;
  // A pod of before that is still there is counted as available, too.
  const isReplaced = updated >= wanted && (status?.replicas ?? 0) <= updated;
  if (isSeen && isReplaced && (status?.availableReplicas ?? 0) >= wanted) return 'ready';
  const condition = (type: string): Condition | undefined => status?.conditions?.find((each) => each.type === type);
  const progressing = condition('Progressing');
  const isStuck = progressing?.status === 'False' || condition('ReplicaFailure')?.status === 'True';
  // It was whole once, and is not any more.
  return isStuck || progressing?.reason === 'NewReplicaSetAvailable' ? 'failing' : 'starting';
}

function settingsOf(front: ServiceObject | undefined): LiveService['settings'] {
  try {
    return JSON.parse(front?.metadata.annotations?.[settingsKey] ?? '{}') as LiveService['settings'];
  } catch {
    return {};
  }
}

/** What an autoscaler and the status change is no change of ours; that a Deployment is another one, or wants something else, is. */
export function tokenOf({ deployments, services }: LiveState): string {
  const facts = [...deployments, ...services].map((object) => {
    const { spec } = object as LiveObject & { readonly spec?: object };
    const { replicas: _, ...lasting } = (spec ?? {}) as { readonly replicas?: number };
    return [object.kind, object.metadata.name, object.metadata.uid, lasting, replicasOf(object), object.metadata.annotations?.[trafficKey]];
  });
  facts.sort((a, b) => `${a[0]}/${a[1]}`.localeCompare(`${b[0]}/${b[1]}`));
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16);
}

/** Only where we say how many; else an autoscaler does. */
function replicasOf(object: LiveObject): number | undefined {
  const applied = object.metadata.annotations?.[appliedKey];
  return applied?.includes('"replicas"') ? (object as Deployment).spec.replicas : undefined;
}
