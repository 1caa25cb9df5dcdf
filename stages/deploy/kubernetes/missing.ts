import type { Change } from '../../../core/index.ts';
import { type Kind, type LiveObject, list, named } from './api.ts';
import type { Cluster } from './client.ts';
import { driftOfObject } from './drift.ts';
import { isForbidden } from './inventory.ts';
import { baseName, domain, ownedBy } from './names.ts';
import { kindsMade } from './objects.ts';

/** On the Service that users call: the names of all objects of the service, so that one that somebody deletes is missed. */
export const objectsKey = `${domain}/objects`;

/**
 * What somebody has changed in the objects of a service, or deleted of them. Of a kind that we may not list nothing is known: whoever only
 * looks may have fewer rights than who releases.
 */
export async function driftOfService(cluster: Cluster, service: string): Promise<readonly Change[]> {
  const lists = await Promise.all(
    kindsMade.map(async ({ kind }) => {
      try {
        const all = await list(cluster, kind as Kind, { labels: ownedBy(service) });
        return { kind, objects: all.filter(({ metadata }) => metadata.deletionTimestamp === undefined) };
      } catch (error) {
        if (isForbidden(error)) return { kind, objects: undefined };
        throw error;
      }
    }),
  );
  const objects = lists.flatMap((each) => each.objects ?? []);
  const unseen = lists.filter((each) => each.objects === undefined).map(({ kind }) => `${kind}/`);
  const there = new Set(objects.map(named));
  const missing = namesIn(objects, service).filter((name) => !there.has(name) && !unseen.some((kind) => name.startsWith(kind)));
  return [...objects.flatMap(driftOfObject), ...missing.map((path) => ({ path, before: 'there', after: undefined }))];
}

function namesIn(objects: readonly LiveObject[], service: string): readonly string[] {
  const name = `Service/${baseName(service)}`;
  const front = objects.find((object) => named(object) === name);
  if (front === undefined) return [name];
  try {
    return JSON.parse(front.metadata.annotations?.[objectsKey] ?? '[]') as readonly string[];
  } catch {
    return [];
  }
}
