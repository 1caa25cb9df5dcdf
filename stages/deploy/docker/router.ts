import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure, type Log, ModelflowError } from '../../../core/index.ts';
import type { Container, Engine } from '../../lib/docker.ts';
import { hasImage, loadImage } from '../../lib/docker-load.ts';
import { writeToContainer } from './archive.ts';
import { askInside } from './inside.ts';
import { label, networkName, repositoryOf, tableFile, tableFolder } from './names.ts';
import { portTaken } from './port.ts';
import { routerMade, routerRequest } from './requests.ts';
import { ignoreMissing, ignoreStopped, removeVolume } from './resources.ts';
import { adminUrl, nodeOf, type Seen, type SeenContainer, type Table } from './seen.ts';
import type { DockerSettings } from './settings.ts';

/** The image that routers run in, made when the engine does not have it. */
export interface RouterImage {
  /** Tells one version from another. */
  version(): string;
  /** Writes it into an empty folder as an OCI layout that `docker load` takes. */
  layout(oci: string, log: Log, signal: AbortSignal): Promise<void>;
}

export interface RouterGiven {
  readonly engine: Engine;
  readonly seen: Seen;
  readonly settings: DockerSettings;
  readonly image: RouterImage;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A router that runs, and whether it was there before. */
export interface RunningRouter {
  readonly container: Container;
  readonly node: string;
  readonly isNew: boolean;
}

const readyWithinMs = 20_000;
const portTries = 5;

/**
 * The router that holds the port of the service. The one that is there stays, through releases and through newer versions of modelflow, as long as
 * what it was made with is wanted; otherwise the new one is brought up first, and only the same port on another address makes a gap.
 */
export async function ensureRouter(given: RouterGiven): Promise<RunningRouter> {
  const { engine, seen, settings } = given;
  const made = routerMade(seen.service, settings);
  const fitting = [seen.router, ...seen.otherRouters].find((router) => router?.made === made);
  if (fitting) {
    const container = engine.api.getContainer(fitting.id);
    await rejoinNetworks(given, fitting);
    const running = await answeringAgain(given, container, fitting.isRunning);
    if (running) return running;
    await container.remove({ force: true, v: true }).catch(ignoreMissing);
  }
  const image = await routerImageOf(given);
  const stopped = await freeSamePort(given, image);
  try {
    return await answering(given, await createRouter(given, image), true);
  } catch (error) {
    await stopped?.start().catch((problem: Error) => given.log.warn(`the router before does not start again: ${problem.message}`));
    throw error;
  }
}

/** Undefined: it does not answer and has to be made anew, from the table that it wrote down. */
async function answeringAgain(given: RouterGiven, container: Container, isRunning: boolean): Promise<RunningRouter | undefined> {
  try {
    if (!isRunning) await start(given, container, given.seen.router?.published ?? given.settings.port);
    return await answering(given, container, false);
  } catch (error) {
    if (given.signal.aborted || (error instanceof ModelflowError && error.diagnostics[0]?.code !== 'MF5211')) throw error;
    if (!(error instanceof ModelflowError) && (error as { readonly statusCode?: number }).statusCode === undefined) throw error;
    given.log.warn(`the router of ${given.seen.service} does not answer and is made anew: ${(error as Error).message}`);
    return undefined;
  }
}

/**
 * A port has one holder: where only the address or the networks change, the old router must let go first. It is given back when that fails, and
 * kept as it is when the engine would not run the new one at all.
 */
async function freeSamePort(given: RouterGiven, image: Image): Promise<Container | undefined> {
  const { engine, seen, settings, log } = given;
  const old = seen.router;
  if (!old?.isRunning || (settings.port !== 0 && old.published !== settings.port)) return undefined;
  await freePort(given, image);
  log.warn(`the router of ${seen.service} is replaced on the same port ${old.published}: connections are refused for a moment`);
  const container = engine.api.getContainer(old.id);
  await container.stop().catch(ignoreStopped);
  return container;
}

interface Image {
  readonly reference: string;
  readonly user: string;
}

async function routerImageOf(given: RouterGiven): Promise<Image> {
  const reference = await routerReference(given);
  const { Config } = await given.engine.api.getImage(reference).inspect();
  return { reference, user: Config.User || '65532:65532' };
}

async function createRouter(given: RouterGiven, image: Image): Promise<Container> {
  const { engine, seen, settings } = given;
  for (let tries = 1; ; tries++) {
    // The port that it had, but for when somebody has it by now.
    const kept = tries === 1 ? seen.router?.published : undefined;
    const port = settings.port || kept || (await freePort(given, image));
    const request = routerRequest(seen.service, settings, image, port);
    // Left by a router that somebody removed: its table would count as newer than ours.
    if (!seen.table) await removeVolume(engine, request.name ?? '');
    const container = await engine.api.createContainer(request);
    try {
      if (seen.table) await writeToContainer(container, tableFolder, tableFile, JSON.stringify(seen.table), image.user);
      else await writeToContainer(container, tableFolder, '.keep', '', image.user);
      await joinNetworks(engine, container, settings.networks, seen.service);
      await start(given, container, port);
      return container;
    } catch (error) {
      await container.remove({ force: true, v: true }).catch(() => undefined);
      await removeVolume(engine, request.name ?? '');
      // Somebody else was given the free port in between.
      if (settings.port !== 0 || tries === portTries) throw error;
    }
  }
}

async function routerReference({ engine, image, log, signal }: RouterGiven): Promise<string> {
  const reference = `${repositoryOf('router')}:${image.version()}`;
  if (await hasImage(engine, reference)) return reference;
  const folder = await mkdtemp(join(tmpdir(), 'modelflow-router-'));
  try {
    await image.layout(folder, log, signal);
    await loadImage(engine, folder, reference, { log, signal });
    return reference;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A port that the engine gave out by itself would be another one after each restart: it is asked for one, which then is kept. The container that
 * asks is a router in all but its name and volume, so it also tells whether the engine runs one with these settings.
 */
async function freePort({ engine, seen, settings }: RouterGiven, image: Image): Promise<number> {
  const request = routerRequest(seen.service, settings, image, 0);
  const { Mounts: _, ...HostConfig } = request.HostConfig ?? {};
  const name = `${request.name}-port`;
  // Left by a run that was killed.
  await engine.api.getContainer(name).remove({ force: true }).catch(ignoreMissing);
  const Labels = { ...request.Labels, [label.role]: 'port' };
  const container = await engine.api.createContainer({ ...request, name, Labels, HostConfig });
  try {
    await container.start();
    const { NetworkSettings } = await container.inspect();
    const port = Object.values(NetworkSettings.Ports).flatMap((bound) => bound ?? [])[0]?.HostPort;
    return Number(port);
  } catch (error) {
    throw (await portTaken(engine, error, settings, seen.service)) ?? error;
  } finally {
    await container.remove({ force: true });
  }
}

async function joinNetworks(engine: Engine, container: Container, networks: readonly string[], service: string): Promise<void> {
  for (const name of networks) {
    await engine.api.getNetwork(name).connect({ Container: container.id, EndpointConfig: { Aliases: [service] } });
  }
}

/** Somebody may have taken it off: without its own network it reaches no release. */
async function rejoinNetworks({ engine, seen, settings }: RouterGiven, { id, summary }: SeenContainer): Promise<void> {
  const joined = new Set(Object.keys(summary.NetworkSettings.Networks));
  const container = engine.api.getContainer(id);
  if (!joined.has(networkName(seen.service))) await engine.api.getNetwork(networkName(seen.service)).connect({ Container: id });
  await joinNetworks(
    engine,
    container,
    settings.networks.filter((name) => !joined.has(name)),
    seen.service,
  );
}

async function start({ engine, settings: { host }, seen }: RouterGiven, container: Container, port: number): Promise<void> {
  try {
    await container.start();
  } catch (error) {
    throw (await portTaken(engine, error, { host, port }, seen.service)) ?? error;
  }
}

async function answering({ engine, settings, signal }: RouterGiven, container: Container, isNew: boolean): Promise<RunningRouter> {
  const node = await nodeOf(container);
  const [answer] = await askInside(engine, container, node, [{ url: adminUrl('/live'), untilMs: readyWithinMs }], signal);
  if (answer?.status !== 200)
    throw failure('MF5211', `the router on port ${settings.port} does not answer: ${answer?.text || answer?.status}`, {
      hint: 'See `modelflow logs`.',
    });
  return { container, node, isNew };
}

/** From when this returns, every request goes by this table. */
export async function putTable(engine: Engine, router: RunningRouter, table: Table, signal: AbortSignal): Promise<void> {
  const [answer] = await askInside(
    engine,
    router.container,
    router.node,
    [{ method: 'PUT', url: adminUrl('/table'), body: table }],
    signal,
  );
  if (answer?.status === 200) return;
  const why = answer?.status === 409 ? 'it has a newer one' : answer?.text || `status ${answer?.status}`;
  throw failure('MF5211', `the router did not take the new split of the traffic: ${why}`, { hint: 'Run again.' });
}

/** Waits until none of these has a request under way, or the time is over. */
export async function drained(
  engine: Engine,
  router: RunningRouter,
  stamps: readonly string[],
  untilMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (stamps.length > 0)
    await askInside(engine, router.container, router.node, [{ url: adminUrl('/table'), untilMs, idle: stamps }], signal);
}
