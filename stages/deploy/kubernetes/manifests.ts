import { type ClusterObject, hasRouter, inApplyOrder, type RevisionGiven, type ServiceGiven } from './objects.ts';
import { revisionObjects } from './revision-objects.ts';
import { routerObjects } from './router-objects.ts';
import { serviceObjects } from './service-objects.ts';
import type { KubernetesSettings } from './settings.ts';

/**
 * Everything that a service is in the cluster, in the order in which it is applied. What belongs to one release carries its stamp
 * (`ofRevision`): a release that is live keeps the objects it has, which were made of the settings of its own time.
 */
export function objectsFor(given: ServiceGiven): readonly ClusterObject[] {
  const replicas = replicasFor(given.settings, given.revisions);
  return inApplyOrder([
    ...serviceObjects(given),
    ...(hasRouter(given) && given.router ? routerObjects(given, given.router) : []),
    ...given.revisions.flatMap((revision) => revisionObjects(given, revision, replicas.get(revision.stamp) ?? given.settings.replicas)),
  ]);
}

/**
 * How many pods each release has. Split by a router, every release has all of them; split by replicas, those with traffic share the
 * count by weight, at least one each, and one without traffic keeps as many as it would need to take over.
 */
export function replicasFor(
  { traffic, replicas }: Pick<KubernetesSettings, 'traffic' | 'replicas'>,
  revisions: readonly Pick<RevisionGiven, 'stamp' | 'weight'>[],
): ReadonlyMap<string, number> {
  const serving = revisions.filter(({ weight }) => weight > 0);
  if (traffic === 'router' || serving.length < 2) return new Map(revisions.map(({ stamp }) => [stamp, replicas]));
  const total = serving.reduce((sum, { weight }) => sum + weight, 0);
  const shares = new Map(serving.map(({ stamp, weight }) => [stamp, Math.max(1, Math.floor((replicas * weight) / total))]));
  // What rounding left over goes to those who lack most of their share.
  const lack = ({ stamp, weight }: (typeof serving)[number]): number => (replicas * weight) / total - (shares.get(stamp) ?? 0);
  for (let left = replicas - [...shares.values()].reduce((sum, count) => sum + count, 0); left > 0; left--) {
    const [neediest] = serving.toSorted((one, other) => lack(other) - lack(one));
    if (neediest) shares.set(neediest.stamp, (shares.get(neediest.stamp) ?? 0) + 1);
  }
  // The Service selects every pod of the service: one without traffic cannot stand beside two with some.
  return new Map(revisions.map(({ stamp, weight }) => [stamp, weight > 0 ? (shares.get(stamp) ?? 1) : 0]));
}
