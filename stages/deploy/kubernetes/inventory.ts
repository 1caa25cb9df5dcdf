import { applyObject, deleteObject, type Kind, type LiveObject, list, named } from './api.ts';
import type { Cluster } from './client.ts';
import { appliedKey, appliedOf, differing } from './drift.ts';
import { ownedBy } from './names.ts';
import { type ClusterObject, kindsMade } from './objects.ts';

/** Everything of ours that a service has in the cluster, by what kubectl calls it. */
export type Inventory = ReadonlyMap<string, LiveObject>;

/** `needed`: kinds that have to be seen. Another one that we may not list has none of ours: we could not have made it. */
export async function inventoryOf(cluster: Cluster, service: string, needed: ReadonlySet<string>): Promise<Inventory> {
  const lists = await Promise.all(
    kindsMade.map(({ kind }) =>
      list(cluster, kind as Kind, { labels: ownedBy(service) }).catch((error: unknown) => {
        if (needed.has(kind) || !isForbidden(error)) throw error;
        return [];
      }),
    ),
  );
  const there = lists.flat().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return new Map(there.map((object) => [named(object), object]));
}

export function isForbidden(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('MF5268');
}

/** Applies an object unless it is there as we applied it and nobody has changed it since. */
export async function bringAbout(cluster: Cluster, object: ClusterObject, have: Inventory, force: boolean): Promise<LiveObject> {
  const wanted = marked(object);
  const live = have.get(named(object));
  if (live !== undefined && isSame(wanted, live)) return live;
  return applyObject(cluster, wanted, { force });
}

function isSame(wanted: ClusterObject, live: LiveObject): boolean {
  const mark = wanted.metadata.annotations?.[appliedKey];
  return mark === live.metadata.annotations?.[appliedKey] && differing(wanted, live, []).length === 0;
}

/** Back to how we applied it, when somebody has changed it since. */
export async function repair(cluster: Cluster, live: LiveObject, force: boolean): Promise<void> {
  const applied = appliedOf(live) as ClusterObject | undefined;
  if (applied !== undefined && differing(applied, live, []).length > 0) await applyObject(cluster, marked(applied), { force });
}

/** With itself in an annotation; what is secret is never written in one. */
export function marked(object: ClusterObject): ClusterObject {
  if (object.kind === 'Secret') return object;
  const annotations = { ...object.metadata.annotations, [appliedKey]: JSON.stringify(object) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Takes away what is in the inventory and not wanted: what brings traffic first, what others refer to last. */
export async function prune(cluster: Cluster, have: Inventory, isWanted: (object: LiveObject) => boolean): Promise<readonly LiveObject[]> {
  const order = kindsMade.map(({ kind }) => kind as string).toReversed();
  const unwanted = [...have.values()].filter((object) => !isWanted(object));
  unwanted.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  for (const object of unwanted) await deleteObject(cluster, object);
  return unwanted;
}
