import { failure } from '../../../core/index.ts';
import type { Cluster } from './client.ts';
import { type ClusterObject, kindsMade } from './objects.ts';
import { asFailure, hasStatus } from './refusals.ts';

/** The name under which our fields are owned in the cluster. */
export const fieldManager = 'modelflow';

export interface ManagedFields {
  readonly manager?: string;
  readonly subresource?: string;
  readonly time?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

/** An object as the API server has it. */
export interface LiveObject extends ClusterObject {
  readonly metadata: ClusterObject['metadata'] & {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly managedFields?: readonly ManagedFields[];
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
}

/** What we only look at, beside what we make. */
const kindsSeen = [
  { apiVersion: 'apps/v1', kind: 'ReplicaSet', plural: 'replicasets' },
  { apiVersion: 'v1', kind: 'Pod', plural: 'pods' },
  { apiVersion: 'v1', kind: 'Event', plural: 'events' },
  { apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas' },
  { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', plural: 'endpointslices' },
] as const;
const kinds = [...kindsMade, ...kindsSeen];
export type Kind = (typeof kinds)[number]['kind'];

export function pathOf(kind: string, namespace: string, name?: string): string {
  const { apiVersion, plural } = kindOf(kind);
  const base = `${apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
  return name === undefined ? base : `${base}/${encodeURIComponent(name)}`;
}

function kindOf(kind: string): (typeof kinds)[number] {
  const found = kinds.find((each) => each.kind === kind);
  if (found === undefined) throw new Error(`no path is known for objects of the kind ${kind}`);
  return found;
}

/** How an object is named to people, as kubectl takes it. */
export function named({ kind, metadata }: ClusterObject): string {
  return `${kind}/${metadata.name}`;
}

export interface Choice {
  readonly labels?: string;
  readonly fields?: string;
}

/** Where the kind is not installed there are none. */
export async function list<T extends LiveObject>(cluster: Cluster, kind: Kind, { labels, fields }: Choice = {}): Promise<readonly T[]> {
  const { apiVersion, plural } = kindOf(kind);
  try {
    const path = pathOf(kind, cluster.namespace);
    const answer = (await cluster.ask({ path, query: { labelSelector: labels, fieldSelector: fields } })) as {
      readonly items: readonly T[];
    };
    // Items of a list do not say what they are.
    return answer.items.map((item) => ({ ...item, apiVersion, kind }));
  } catch (error) {
    if (hasStatus(error, 404)) return [];
    throw asFailure(error, `listing the ${plural} in ${cluster.namespace}`, cluster.server);
  }
}

export async function readObject(cluster: Cluster, kind: Kind, name: string): Promise<LiveObject | undefined> {
  try {
    return (await cluster.ask({ path: pathOf(kind, cluster.namespace, name) })) as LiveObject;
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw asFailure(error, `reading ${kind}/${name}`, cluster.server);
  }
}

/** Server-side apply: the same again changes nothing. Fields that somebody else owns are left to them, unless forced. */
export async function applyObject(
  cluster: Cluster,
  object: ClusterObject,
  { force, isDryRun = false }: { readonly force: boolean; readonly isDryRun?: boolean },
): Promise<LiveObject> {
  try {
    return (await cluster.ask({
      method: 'PATCH',
      path: pathOf(object.kind, cluster.namespace, object.metadata.name),
      query: { fieldManager, force, ...(isDryRun ? { dryRun: 'All' } : {}) },
      contentType: 'application/apply-patch+yaml',
      body: object,
    })) as LiveObject;
  } catch (error) {
    if (hasStatus(error, 409)) throw conflictOf(object, error.causes, error.message);
    throw asFailure(error, `applying ${named(object)}`, cluster.server);
  }
}

function conflictOf(
  object: ClusterObject,
  causes: readonly { readonly message?: string; readonly field?: string }[],
  message: string,
): Error {
  const fields = causes.map(({ field = '?', message: why = '' }) => `${field.replace(/^\./, '')}: ${why.replace(/^conflict with /, '')}`);
  const owners = [...new Set(fields.flatMap((each) => /"([^"]+)"/.exec(each)?.[1] ?? []))].join(', ');
  const shown = causes.map(({ field = '?' }) => field.replace(/^\./, '')).join(', ') || message;
  return failure(
    'MF5269',
    `${named(object)}: ${shown} belongs to ${owners || 'somebody else'}, and was changed there; nothing of it was touched`,
    {
      hint: 'Take the field out there, or give the target `force: true` to take it over.',
      detail: fields,
    },
  );
}

/** Deletes this very object and none that was made under its name since. Gone already is no failure. */
export async function deleteObject(cluster: Cluster, { kind, metadata }: LiveObject): Promise<void> {
  try {
    await cluster.ask({
      method: 'DELETE',
      path: pathOf(kind, cluster.namespace, metadata.name),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions: { uid: metadata.uid } },
    });
  } catch (error) {
    if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw asFailure(error, `deleting ${kind}/${metadata.name}`, cluster.server);
  }
}
