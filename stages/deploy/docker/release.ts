import { setTimeout as pause } from 'node:timers/promises';
import { type Artifact, credentialsFor, failure, isSecret, ModelflowError, parseImageReference } from '../../../core/index.ts';
import type { OciImage } from '../../kinds.ts';
import type { Container } from '../../lib/docker.ts';
import { followed, hasImage, loadImage, splitTag } from '../../lib/docker-load.ts';
import { lastLines, whyEnded } from './ended.ts';
import { askInside } from './inside.ts';
import { releaseName, tagOf } from './names.ts';
import { environmentOf, type ImageSeen, releaseRequest } from './requests.ts';
import { ignoreMissing } from './resources.ts';
import type { RouterGiven, RunningRouter } from './router.ts';
import { backendOf, containersOf, replicasOf, type SeenContainer } from './seen.ts';
import type { DockerSettings } from './settings.ts';

export interface Wanted {
  readonly stamp: string;
  readonly what: Artifact<typeof OciImage>;
}

/** A release whose containers all run and say that they are ready. */
export interface Brought {
  readonly stamp: string;
  readonly backends: readonly string[];
  /** Containers that were not there before: they go again when what they are for fails. */
  readonly made: readonly Container[];
}

/** Brings every replica of a release up and waits until each is ready. What runs already with this stamp goes on as it is. */
export async function bringUp(given: RouterGiven, router: RunningRouter, wanted: Wanted, revision: number): Promise<Brought> {
  const { engine, seen } = given;
  const there = containersOf(seen, wanted.stamp);
  const settings = there.length === 0 ? given.settings : settingsOf(there, given.settings);
  const count = there.length === 0 ? settings.replicas : replicasOf(there);
  const number = there[0]?.revision ?? revision;
  const kept = await answeringOf(
    given,
    router,
    there.filter((each) => each.isRunning && each.replica < count),
    settings,
  );
  const missing = [...Array(count).keys()].filter((replica) => !kept.some((each) => each.replica === replica));
  const made: Container[] = [];
  try {
    if (missing.length > 0) {
      const image = await imageFor(given, wanted, number);
      const environment = environmentOf(settings.env);
      const shown = JSON.stringify(there[0]?.settings ?? given.settings);
      for (const replica of missing) {
        await clearName(given, wanted.stamp, replica);
        const request = { service: seen.service, stamp: wanted.stamp, revision: number, replica, image, settings, shown, environment };
        made.push(await startContainer(given, releaseRequest(request), settings));
      }
    }
    const all = [...kept.map(({ id, replica }) => ({ id, replica })), ...made.map(({ id }, at) => ({ id, replica: missing[at] ?? 0 }))];
    const backends = all.map(({ replica }) => backendOf({ stamp: wanted.stamp, replica, port: wanted.what.facts.port }));
    await ready(
      given,
      router,
      all.map(({ id }) => id),
      backends,
      settings,
    );
    for (const { id } of all) await engine.api.getContainer(id).update({ RestartPolicy: { Name: settings.restart } });
    return { stamp: wanted.stamp, backends, made };
  } catch (error) {
    await takeDown(made);
    throw error;
  }
}

export async function takeDown(containers: readonly Container[]): Promise<void> {
  await Promise.all(containers.map((each) => each.remove({ force: true, v: true }).catch(ignoreMissing)));
}

/** The settings that a live release was made with; the value of a secret is taken from those that are at hand. */
function settingsOf(there: readonly SeenContainer[], current: DockerSettings): DockerSettings {
  const released = (there[0]?.settings ?? {}) as DockerSettings;
  const open = (name: string, value: unknown) => {
    if (!isSecret(value)) return value as string;
    const known = Object.values(current.env).find((each) => isSecret(each) && each.secret === value.secret);
    if (known === undefined)
      throw failure('MF5210', `a container of a release needs \`${name}\`, the secret \`${value.secret}\`, which is not at hand any more`, {
        hint: 'Deploy the release again with the secret in its `env`.',
      });
    return known;
  };
  const isSame = JSON.stringify(released) === JSON.stringify(current);
  // Read only when a container has to be made again.
  if (isSame) return current;
  const env = {};
  for (const [name, value] of Object.entries(released.env ?? {}))
    Object.defineProperty(env, name, { enumerable: true, get: () => open(name, value) });
  return { ...current, ...released, env };
}

async function imageFor(given: RouterGiven, { stamp, what }: Wanted, revision: number): Promise<ImageSeen> {
  const { engine, seen, settings } = given;
  const tag = tagOf(seen.service, revision, stamp);
  const { port, user, pushed } = what.facts;
  if (!(await hasImage(engine, tag))) {
    if (settings.pull && pushed) await pull(given, pushed, tag);
    else await loadImage(engine, `${what.path}/oci`, tag, given);
  }
  return { reference: tag, port, user };
}

/** The engine gets it by itself; the reference holds the digest, so it gets what was made. */
async function pull({ engine, log, signal }: RouterGiven, reference: string, tag: string): Promise<void> {
  try {
    const answer = await engine.api.pull(reference, { ...(await loginFor(reference)), abortSignal: signal });
    await followed(answer, ({ status }) => log.progress(undefined, `the engine pulls the image: ${status ?? ''}`));
  } catch (error) {
    const said = await engine.explain(error, `pull ${reference}`);
    const [diagnostic] = said instanceof ModelflowError ? said.diagnostics : [];
    if (diagnostic?.code !== 'MF5203') throw said;
    throw failure('MF5209', diagnostic.message, {
      hint: 'Can the engine reach the registry, and may it read there? Without `pull` the image is given to it from here.',
      cause: error,
    });
  }
  const [repo, version] = splitTag(tag);
  await engine.api.getImage(reference).tag({ repo, tag: version });
}

/** The engine has no logins of its own: it is lent that of this machine, for this pull. */
async function loginFor(reference: string): Promise<{ readonly authconfig?: object }> {
  const [registry = ''] = parseImageReference(reference).repository.split('/');
  const { credentials } = await credentialsFor(registry);
  if (credentials === undefined) return {};
  const { user, password, identityToken } = credentials;
  const login = identityToken ? { identitytoken: identityToken } : { username: user, password };
  return { authconfig: { ...login, serveraddress: registry } };
}

const answerWithinMs = 5_000;

/**
 * Those that are to stay. One that runs and does not answer — it hangs, or was taken off its network — would never become ready: it is made anew
 * once the time it may take to load is over.
 */
async function answeringOf(
  { engine, seen, log, signal }: RouterGiven,
  router: RunningRouter,
  running: readonly SeenContainer[],
  { readyTimeoutMs }: DockerSettings,
): Promise<readonly SeenContainer[]> {
  const silent = running.filter((each) => !seen.ready.has(backendOf(each)));
  if (silent.length === 0) return running;
  const calls = silent.map(async (each) => {
    const { State } = await engine.api.getContainer(each.id).inspect({ abortSignal: signal });
    const leftMs = Date.parse(State.StartedAt) + readyTimeoutMs - Date.now();
    return { url: `${backendOf(each)}/v2/health/ready`, untilMs: Math.min(Math.max(leftMs, answerWithinMs), readyTimeoutMs) };
  });
  const answers = await askInside(engine, router.container, router.node, await Promise.all(calls), signal);
  const hanging = silent.filter((_, at) => answers[at]?.status !== 200);
  for (const { name } of hanging) log.warn(`${name} runs, but does not answer: it is made anew`);
  return running.filter((each) => !hanging.includes(each));
}

/** A container with the name it takes: one of ours was left or has ended; one that is not ours stays. */
async function clearName({ engine, seen }: RouterGiven, stamp: string, replica: number): Promise<void> {
  const name = releaseName(seen.service, stamp, replica);
  const old = seen.releases.find((each) => each.name === name);
  if (old) await engine.api.getContainer(old.id).remove({ force: true, v: true }).catch(ignoreMissing);
}

async function startContainer(
  { engine, log }: RouterGiven,
  request: ReturnType<typeof releaseRequest>,
  settings: DockerSettings,
): Promise<Container> {
  const container = await engine.api.createContainer(request).catch((error: unknown) => {
    if ((error as { readonly statusCode?: number }).statusCode !== 409) throw error;
    throw failure('MF5205', `there is a container named ${request.name} that is not of this service`, {
      hint: `Rename or remove it: docker rm ${request.name}`,
    });
  });
  try {
    for (const name of settings.networks) await engine.api.getNetwork(name).connect({ Container: container.id });
    await container.start();
    log.info(`started ${request.name}`);
    return container;
  } catch (error) {
    await takeDown([container]);
    throw error;
  }
}

const lookEveryMs = 200;

/** Until every container answers that it is ready. A container that ends is the reason at once, with what it said last. */
async function ready(
  given: RouterGiven,
  router: RunningRouter,
  ids: readonly string[],
  backends: readonly string[],
  settings: DockerSettings,
): Promise<void> {
  const { engine, log, signal } = given;
  const { readyTimeoutMs } = settings;
  log.progress(undefined, 'waiting until the model is loaded');
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const calls = backends.map((url) => ({ url: `${url}/v2/health/ready`, untilMs: readyTimeoutMs }));
  const asked = askInside(engine, router.container, router.node, calls, either);
  const ended = untilEnded(given, ids, either);
  try {
    const answers = await Promise.race([asked, ended]);
    const late = answers.findIndex(({ status }) => status !== 200);
    const [id, answer] = [ids[late], answers[late]];
    if (id === undefined || answer === undefined) return;
    throw (
      (await whyEnded(engine, id, signal)) ??
      failure(
        'MF5004',
        `the new release did not become ready within ${readyTimeoutMs} ms: ${answer.text.slice(0, 300) || `it answers ${answer.status}`}`,
        {
          hint: 'Raise `readyTimeoutMs` when it only needs longer to load.',
          detail: await lastLines(engine, id, signal),
        },
      )
    );
  } finally {
    over.abort();
    await Promise.allSettled([asked, ended]);
  }
}

/** Only ever rejects. */
async function untilEnded({ engine }: RouterGiven, ids: readonly string[], signal: AbortSignal): Promise<never> {
  for (;;) {
    for (const id of ids) {
      const why = await whyEnded(engine, id, signal);
      if (why) throw why;
    }
    await pause(lookEveryMs, undefined, { signal });
  }
}
