import { type DesiredService, failure, type LiveService } from '../../../core/index.ts';
import type { OciImage } from '../../kinds.ts';
import { label, networkName, repositoryOf } from './names.ts';
import { type Brought, bringUp, takeDown } from './release.ts';
import { ensureNetwork, ignoreMissing, ignoreStopped, removeVolume } from './resources.ts';
import { drained, ensureRouter, putTable, type RouterGiven, type RunningRouter } from './router.ts';
import { containersOf, liveOf, replicasOf, type Seen, type SeenContainer, see, type Table } from './seen.ts';

type Desired = DesiredService<typeof OciImage>;

/**
 * Brings the engine from what is seen to what is wanted: new containers beside the old, ready before the router sends them anything, the old ones
 * drained before they are stopped. Every step is found by its labels, so that the next call goes on from wherever this one was broken off.
 */
export async function applyTo(given: RouterGiven, want: Desired, have: LiveService): Promise<LiveService> {
  const { engine, seen, signal } = given;
  const live = liveOf(seen, engine.endpoint);
  if (live.token !== have.token)
    throw failure('MF5001', `${want.service} has changed since it was read (${have.token} -> ${live.token}); nothing was done`, {
      hint: 'Run again: it is read anew.',
    });
  await ensureNetwork(engine, want.service, { [label.service]: want.service });
  const wasThere = seen.router !== undefined || seen.releases.length > 0;
  const brought: Brought[] = [];
  let isSwitched = false;
  try {
    const router = await ensureRouter(given);
    for (const revision of want.revisions) brought.push(await bringUp(given, router, revision, nextRevision(seen)));
    await switchTo(given, router, want, brought);
    // From here on the new containers are live: nothing takes them down again.
    isSwitched = true;
    await removeOthers(given, router, want);
  } catch (error) {
    if (!isSwitched) await takeDown(brought.flatMap(({ made }) => made));
    if (!isSwitched && !wasThere) await removeFrom(given, want.service);
    throw error;
  }
  await forgetImages(given, want);
  return liveOf(await see(engine, want.service, signal), engine.endpoint);
}

function nextRevision({ releases }: Seen): number {
  return Math.max(0, ...releases.map(({ revision }) => revision)) + 1;
}

async function switchTo(
  { engine, seen, signal, log }: RouterGiven,
  router: RunningRouter,
  want: Desired,
  brought: readonly Brought[],
): Promise<void> {
  const revisions = want.revisions.map(({ stamp, weight, mirror }) => ({
    stamp,
    weight,
    ...(mirror ? { mirror } : {}),
    backends: [...(brought.find((each) => each.stamp === stamp)?.backends ?? [])],
  }));
  const isSame = !router.isNew && JSON.stringify(seen.table?.revisions.map(plain)) === JSON.stringify(revisions);
  const table: Table = { generation: (seen.table?.generation ?? 0) + 1, revisions };
  if (isSame) return;
  await putTable(engine, router, table, signal);
  log.info(`traffic: ${revisions.map(({ stamp, weight }) => `${stamp.slice(0, 12)} ${weight} %`).join(', ')}`);
}

function plain({ stamp, weight, mirror, backends }: Table['revisions'][number]): object {
  return { stamp, weight, ...(mirror ? { mirror } : {}), backends };
}

/** What is not wanted any more, and whatever a broken-off run has left. */
async function removeOthers(given: RouterGiven, router: RunningRouter, want: Desired): Promise<void> {
  const { engine, seen, settings, signal } = given;
  const stays = new Set(want.revisions.map(({ stamp }) => stamp));
  const goes = seen.releases.filter((each) => !stays.has(each.stamp) || each.replica >= replicasOf(containersOf(seen, each.stamp)));
  const running = goes.filter(({ isRunning }) => isRunning);
  await drained(
    engine,
    router,
    [...new Set(running.map(({ stamp }) => stamp))].filter((stamp) => !stays.has(stamp)),
    settings.drainTimeoutMs,
    signal,
  );
  await Promise.all(goes.map((each) => stopAndRemove(given, each)));
  const routers = [seen.router, ...seen.otherRouters].filter((each) => each !== undefined && each.id !== router.container.id);
  await Promise.all(routers.map((each) => each && removeRouter(given, each)));
}

async function stopAndRemove({ engine }: RouterGiven, { id }: Pick<SeenContainer, 'id'>): Promise<void> {
  const container = engine.api.getContainer(id);
  await container.stop().catch(ignoreStopped);
  await container.remove({ force: true, v: true }).catch(ignoreMissing);
}

async function removeRouter(given: RouterGiven, router: SeenContainer): Promise<void> {
  await stopAndRemove(given, router);
  await removeVolume(given.engine, router.name);
}

/** Images that are live or among the last stay under their tags; `docker image prune` leaves those alone. */
async function forgetImages({ engine, settings, signal }: RouterGiven, want: Desired): Promise<void> {
  const tags = await tagsOf({ engine, signal }, want.service);
  const live = new Set(want.revisions.map(({ stamp }) => stamp.slice(0, 12)));
  const older = tags.filter(({ stamp }) => !live.has(stamp)).slice(Math.max(0, settings.keep - live.size));
  for (const { tag } of older) await engine.api.getImage(tag).remove().catch(ignoreInUse);
}

type Asked = Pick<RouterGiven, 'engine' | 'signal'>;

/** Newest first. */
async function tagsOf({ engine, signal }: Asked, service: string): Promise<readonly { readonly tag: string; readonly stamp: string }[]> {
  const repository = repositoryOf(service);
  const images = await engine.api.listImages({ filters: JSON.stringify({ reference: [`${repository}:*`] }), abortSignal: signal });
  return images
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => tag.startsWith(`${repository}:`))
    .map((tag) => ({ tag, version: tag.slice(repository.length + 1) }))
    .sort((a, b) => Number.parseInt(b.version, 10) - Number.parseInt(a.version, 10))
    .map(({ tag, version }) => ({ tag, stamp: version.split('-')[1] ?? '' }));
}

/** 409: a container that somebody else made of it runs. */
function ignoreInUse(error: unknown): void {
  if ((error as { readonly statusCode?: number }).statusCode !== 409) ignoreMissing(error);
}

/** Takes everything away that carries the label of the service, with its network, volumes and images. */
export async function removeFrom({ engine, signal }: Asked, service: string): Promise<void> {
  const seen = await see(engine, service, signal);
  const routers = [seen.router, ...seen.otherRouters].flatMap((each) => (each ? [each] : []));
  const asked = { engine, signal } as RouterGiven;
  // The router first: it drains, and nobody is told of a backend that is gone.
  await Promise.all(routers.map((each) => removeRouter(asked, each)));
  await Promise.all(seen.releases.map((each) => stopAndRemove(asked, each)));
  // And what asked for a port in a run that was killed.
  const filters = JSON.stringify({ label: [`${label.service}=${service}`] });
  for (const { Id } of await engine.api.listContainers({ all: true, filters })) await stopAndRemove(asked, { id: Id });
  const networks = await engine.api.listNetworks({ filters: { label: [`${label.service}=${service}`] } });
  for (const { Id, Name } of networks) if (Name === networkName(service)) await engine.api.getNetwork(Id).remove().catch(ignoreMissing);
  for (const { tag } of await tagsOf({ engine, signal }, service)) await engine.api.getImage(tag).remove().catch(ignoreInUse);
}
