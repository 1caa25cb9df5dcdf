import type { Change, LiveService } from '../../../core/index.ts';
import { applyObject, type LiveObject, named } from './api.ts';
import { type Context, clusterOf, type Wanted } from './context.ts';
import { differing } from './drift.ts';
import { inventoryOf } from './inventory.ts';
import { objectsFor } from './manifests.ts';
import { labelStamp, routerName } from './names.ts';
import { isThere } from './namespace.ts';
import { type ClusterObject, ofRevision } from './objects.ts';
import { referenceOf } from './reference.ts';

/** What applying would change, by the API server's own dry run: admission and defaults included. Changes nothing. */
export async function diffOf(ctx: Context, want: Wanted, _have: LiveService): Promise<readonly Change[]> {
  const cluster = await clusterOf(ctx, 'reading');
  if (!(await isThere(cluster))) return [{ path: `Namespace/${cluster.namespace}`, before: undefined, after: 'made' }];
  const { settings } = ctx;
  const revisions = want.revisions.map(({ stamp, weight, what }) => {
    const image = referenceOf(what.facts, settings);
    return { stamp, weight, image, facts: what.facts };
  });
  const have = await inventoryOf(cluster, want.service, new Set(['Deployment', 'Service']));
  const router = { image: settings.routerImage ?? imageOf(have.get(`Deployment/${routerName(want.service)}`)), generation: 1 };
  const objects = objectsFor({ settings, service: want.service, revisions, ...(settings.traffic === 'router' ? { router } : {}) }).filter(
    isShown,
  );
  const changes: Change[] = [];
  for (const object of objects) {
    const live = have.get(named(object));
    if (live === undefined) changes.push({ path: named(object), before: undefined, after: 'made' });
    // A release that is there keeps the objects it has.
    else if (ofRevision(object) === undefined)
      changes.push(...(await changesOf(object, live, () => applyObject(cluster, object, { force: true, isDryRun: true }))));
  }
  const kept = new Set([...objects.map(named), ...want.revisions.map(({ stamp }) => labelStamp(stamp))]);
  const gone = [...have.values()].filter((object) => !kept.has(named(object)) && !kept.has(ofRevision(object) ?? ''));
  return [...changes, ...gone.filter(isShown).map((object) => ({ path: named(object), before: 'there', after: undefined }))];
}

/** What is secret is not shown, the shares are a matter of the rollout, and of a release its Deployment stands for all. */
function isShown(object: ClusterObject): boolean {
  if (object.kind === 'Secret' || object.kind === 'ConfigMap') return false;
  return ofRevision(object) === undefined || object.kind === 'Deployment';
}

/** The router goes on with the image it has: whether there is a newer one, only a registry knows. */
function imageOf(router: LiveObject | undefined): string {
  const { spec } = (router ?? {}) as {
    readonly spec?: { readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } } };
  };
  return spec?.template.spec.containers[0]?.image ?? 'modelflow-router';
}

/** Only what the object says itself; what the server adds to it is no change. */
async function changesOf(object: ClusterObject, live: LiveObject, dryRun: () => Promise<LiveObject>): Promise<readonly Change[]> {
  const after = await dryRun();
  const { metadata: _, ...rest } = object;
  return differing(rest, live, []).map(({ path, before }) => ({
    path: `${named(object)} ${path.join('.')}`,
    before: valueAt(live, path),
    after: valueAt(after, path) ?? before,
  }));
}

function valueAt(object: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => {
    const item = /^\[(.*)\]$/.exec(key)?.[1];
    if (item !== undefined && Array.isArray(value))
      return value.find((each) => Object.values(each as object).some((one) => String(one) === item));
    return (value as Readonly<Record<string, unknown>> | undefined)?.[key];
  }, object);
}
