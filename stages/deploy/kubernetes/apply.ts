import { randomBytes } from 'node:crypto';
import { type Artifact, failure, isSecret, type LiveService, ModelflowError } from '../../../core/index.ts';
import type { OciImage } from '../../kinds.ts';
import { applyObject, named } from './api.ts';
import type { Cluster } from './client.ts';
import { type Context, clusterOf, type Wanted } from './context.ts';
import { appliedKey, appliedOf } from './drift.ts';
import { waitUntilReached, waitUntilServed } from './endpoints.ts';
import { ensurePushed, ensureRouterImage } from './image-reference.ts';
import { bringAbout, type Inventory, inventoryOf, marked, prune, repair } from './inventory.ts';
import type { Deployment } from './live-objects.ts';
import { frontOf, healthOf, type LiveState, liveService, lookAt, settingsKey, sharesOf, tokenOf, trafficKey } from './live-state.ts';
import { objectsFor, replicasFor } from './manifests.ts';
import { objectsKey } from './missing.ts';
import { baseName, labelStamp, revisionName, routerName } from './names.ts';
import { ensureNamespace } from './namespace.ts';
import { type ClusterObject, ofRevision, type RevisionGiven, stampOf } from './objects.ts';
import { tableOf } from './router-objects.ts';
import { drained, generationOfRouters, tellRouters, tokenOfRouters, writtenTable } from './routers.ts';
import { waitUntilReady } from './wait.ts';

/** What one call of `apply` goes by. */
interface Release {
  readonly ctx: Context;
  readonly cluster: Cluster;
  readonly want: Wanted;
  readonly state: LiveState;
  readonly have: Inventory;
  readonly objects: readonly ClusterObject[];
  readonly given: Parameters<typeof objectsFor>[0];
  /** How far it has come, in words, for whoever reads that it was broken off. */
  stage: string;
}

/** Each step may be done again: after a crash anywhere the same call goes on from what it finds. */
export async function applyService(ctx: Context, want: Wanted, before: LiveService): Promise<LiveService> {
  const cluster = await clusterOf(ctx, 'releasing');
  await ensureNamespace(cluster, ctx.settings);
  const state = await lookAt(cluster, want.service);
  if (tokenOf(state) !== before.token)
    throw failure('MF5001', `${want.service} was changed in ${cluster.namespace} since it was looked at; nothing was done`, {
      hint: 'Run again: what is there now is looked at first.',
    });
  const given = await givenFor(ctx, cluster, want);
  const objects = objectsFor(given);
  const have = await inventoryOf(cluster, want.service, new Set(objects.map(({ kind }) => kind)));
  const release: Release = { ctx, cluster, want, state, have, objects, given, stage: 'nothing was changed' };
  try {
    await prepare(release);
    await switchTraffic(release);
    await cleanUp(release);
  } catch (error) {
    throw lost(release, error);
  }
  const live = await liveService(cluster, want.service, await lookAt(cluster, want.service));
  if (live.url !== undefined && sharesOf(state, want.service).length === 0) await waitUntilReached(live.url, ctx.signal);
  return live;
}

/** The API server went away: in what state is the service? Its pods need no API server. */
function lost({ stage, want, cluster }: Release, error: unknown): unknown {
  if (!(error instanceof ModelflowError) || error.diagnostics[0]?.code !== 'MF5265') return error;
  return failure('MF5281', `${want.service}: ${error.diagnostics[0].message}; ${stage}`, {
    hint: `Run again when ${cluster.server} answers: it goes on from there.`,
    cause: error,
  });
}

async function givenFor(ctx: Context, cluster: Cluster, want: Wanted): Promise<Release['given']> {
  const { settings } = ctx;
  const secrets = Object.fromEntries(
    Object.entries(settings.env).flatMap(([name, value]) => (isSecret(value) ? [[name, value.reveal()]] : [])),
  );
  const revisions: RevisionGiven[] = [];
  for (const { stamp, weight, mirror, what } of want.revisions) {
    const image = await ensurePushed(what as Artifact<typeof OciImage>, ctx);
    revisions.push({ stamp, weight, ...(mirror === undefined ? {} : { mirror }), image, facts: what.facts, secrets });
  }
  const given = { settings, service: want.service, revisions };
  if (settings.traffic === 'replicas') return given;
  const [image, token, table] = await Promise.all([
    ensureRouterImage(revisions[0]?.image ?? '', ctx),
    tokenOfRouters(cluster, want.service),
    writtenTable(cluster, want.service),
  ]);
  const newest = Math.max(table?.generation ?? 0, await generationOfRouters(cluster, want.service, token));
  // The same table again keeps its number.
  const isSame =
    table !== undefined && JSON.stringify(tableOf(given, table.generation)) === JSON.stringify(table) && newest === table.generation;
  return { ...given, router: { image, token: token ?? randomBytes(24).toString('hex'), generation: isSame ? newest : newest + 1 } };
}

/** Brings up what is to come, beside what serves. What fails is taken away again: it must not hold room. */
async function prepare(release: Release): Promise<void> {
  const { ctx, cluster, want, state, have, objects } = release;
  const isFirst = sharesOf(state, want.service).length === 0;
  await tryTraffic(release);
  try {
    for (const object of objects) await prepareObject(release, object, isFirst);
    release.stage = isFirst ? 'its first release is not whole yet' : 'what was live goes on serving, and the new release is not whole yet';
    const deployments = want.revisions.map(({ stamp }) => revisionName(want.service, stamp));
    if (release.given.router) deployments.unshift(routerName(want.service));
    await waitUntilReady(cluster, { ...ctx, service: want.service, deployments, timeoutMs: ctx.settings.readyTimeoutMs });
  } catch (error) {
    if (!ctx.signal.aborted && !isUnreachable(error)) await takeBack(release, have);
    throw error;
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof ModelflowError && error.diagnostics[0]?.code === 'MF5265';
}

/** Whoever else holds what decides the traffic is met before anything is made, not when all of it is there. */
async function tryTraffic(release: Release): Promise<void> {
  const { ctx, cluster, want, have, objects } = release;
  if (ctx.settings.force) return;
  for (const object of objects)
    if (decidesTraffic(want, object) && have.has(named(object)))
      await applyObject(cluster, marked(withTraffic(release, object)), { force: false, isDryRun: true });
}

/** What decides who gets the traffic comes later. */
function decidesTraffic({ service }: Wanted, { kind, metadata }: ClusterObject): boolean {
  if (kind === 'Ingress' || kind === 'HTTPRoute') return true;
  return (kind === 'Service' && metadata.name === baseName(service)) || (kind === 'ConfigMap' && metadata.name === routerName(service));
}

async function prepareObject(release: Release, object: ClusterObject, isFirst: boolean): Promise<void> {
  const { ctx, cluster, want, have } = release;
  const isTable = object.kind === 'ConfigMap' && !have.has(named(object));
  if (decidesTraffic(want, object) && !isTable) return;
  const live = have.get(named(object));
  // Never written twice: the token of the routers, and the values of a release that is there.
  if (object.kind === 'Secret' && live !== undefined) return;
  if (ofRevision(object) === undefined || live === undefined) {
    await bringAbout(cluster, object, have, ctx.settings.force);
    if (!isFirst) release.stage = 'what was live goes on serving';
    return;
  }
  await repair(cluster, live, ctx.settings.force);
  await scaleUp(release, object);
}

/** More pods come before the switch, fewer after it. */
async function scaleUp(release: Release, object: ClusterObject): Promise<void> {
  if (object.kind === 'Deployment') await scale(release, object, (wanted, now) => wanted > now);
}

async function scale(
  { ctx, cluster, want, given, have }: Release,
  object: ClusterObject,
  isTime: (wanted: number, now: number) => boolean,
): Promise<void> {
  const live = have.get(named(object));
  const applied = live && (appliedOf(live) as (ClusterObject & { readonly spec: { readonly replicas?: number } }) | undefined);
  const wanted = replicasFor(given.settings, given.revisions).get(stampOf(object) ?? '');
  const now = applied?.spec.replicas;
  if (given.settings.traffic !== 'replicas' || applied === undefined || wanted === undefined || now === undefined) return;
  if (!isTime(wanted, now)) return;
  ctx.log.info(`${want.service}: ${named(object)} from ${now} to ${wanted} replicas`);
  await applyObject(cluster, marked({ ...applied, spec: { ...applied.spec, replicas: wanted } } as ClusterObject), {
    force: ctx.settings.force,
  });
}

/** Who gets the traffic changes in one object; users are sent on only when it is there for them. */
async function switchTraffic(release: Release): Promise<void> {
  const { ctx, cluster, want, given, objects, have, state } = release;
  const isFirst = sharesOf(state, want.service).length === 0;
  if (!isFirst) release.stage = 'the traffic is being switched: every request is answered, by the release before or the new one';
  const deciding = objects.filter((object) => decidesTraffic(want, object));
  for (const object of deciding.filter(({ kind }) => kind === 'ConfigMap')) await bringAbout(cluster, object, have, ctx.settings.force);
  const { router } = given;
  if (router) await tellRouters(cluster, want.service, tableOf(given, router.generation), { token: router.token, signal: ctx.signal });
  for (const object of deciding.filter(({ kind }) => kind !== 'ConfigMap'))
    await bringAbout(cluster, withTraffic(release, object), have, ctx.settings.force);
  release.stage = 'the new shares of the traffic are in force, and what is no longer wanted is still there';
  await waitUntilServed(cluster, want.service, router ? undefined : given.revisions, ctx.signal);
}

/** The Service says who gets what, with which settings it was released, and what else there has to be. */
function withTraffic({ want, given, objects }: Release, object: ClusterObject): ClusterObject {
  if (object.kind !== 'Service') return object;
  const shares = want.revisions.map(({ stamp, weight, mirror }) => ({ stamp, weight, ...(mirror === undefined ? {} : { mirror }) }));
  const said = {
    [trafficKey]: JSON.stringify(shares),
    [settingsKey]: JSON.stringify(given.settings),
    [objectsKey]: JSON.stringify(objects.map(named)),
  };
  return { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...said } } };
}

/** Takes down what has no part in the traffic any more, once nobody waits for an answer of it. */
async function cleanUp(release: Release): Promise<void> {
  const { ctx, cluster, want, given, objects } = release;
  for (const object of objects)
    if (object.kind === 'Deployment' && ofRevision(object) !== undefined) await scale(release, object, (wanted, now) => wanted < now);
  const stamps = new Set(want.revisions.map(({ stamp }) => labelStamp(stamp)));
  const names = new Set(objects.map(named));
  const going = sharesOf(release.state, want.service).filter(({ stamp }) => !stamps.has(labelStamp(stamp)));
  if (given.router && going.length > 0)
    await drained(cluster, want.service, {
      stamps: going.map(({ stamp }) => stamp),
      token: given.router.token,
      ...ctx,
      limitMs: ctx.settings.terminationGraceSeconds * 1_000,
    });
  const have = await inventoryOf(cluster, want.service, new Set(objects.map(({ kind }) => kind)));
  await prune(cluster, have, (object) => {
    const stamp = ofRevision(object);
    return stamp === undefined ? names.has(named(object)) : stamps.has(stamp);
  });
}

/** What was made for a release that failed goes, and all that was not there before it; what it changed is as before. */
async function takeBack({ ctx, cluster, want, state }: Release, before: Inventory): Promise<void> {
  try {
    const serving = new Set(sharesOf(state, want.service).flatMap(({ stamp, weight }) => (weight > 0 ? [labelStamp(stamp)] : [])));
    const isKept = (stamp: string): boolean =>
      serving.has(stamp) ||
      [...before.values()].some(
        (object) => ofRevision(object) === stamp && object.kind === 'Deployment' && healthOf(object as Deployment) === 'ready',
      );
    const have = await inventoryOf(cluster, want.service, new Set());
    await prune(cluster, have, (object) => {
      const stamp = ofRevision(object);
      if (stamp !== undefined) return isKept(stamp);
      return frontOf(state, want.service) !== undefined || before.has(named(object));
    });
    await putBack(cluster, before, have);
  } catch (error) {
    ctx.log.warn(`what was made of the release that failed is still there: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The router, policies and the like are made of the settings of the newest release: of one that serves, not of one that failed. */
async function putBack(cluster: Cluster, before: Inventory, have: Inventory): Promise<void> {
  for (const object of before.values()) {
    const now = have.get(named(object));
    const was = appliedOf(object) as ClusterObject | undefined;
    const isChanged = now?.metadata.annotations?.[appliedKey] !== object.metadata.annotations?.[appliedKey];
    if (ofRevision(object) === undefined && was !== undefined && now !== undefined && isChanged)
      await applyObject(cluster, marked(was), { force: true });
  }
}
