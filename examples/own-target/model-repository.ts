import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineTarget, failure, type LiveService, type Revision, type TargetContext, z } from 'modelflow';
import { OnnxModel } from 'modelflow/stages';

const settings = {
  folder: z.string().min(1).describe('the repository that the servers watch; relative paths are taken from the working folder'),
  keep: z.int().min(1).default(3).describe('how many versions stay in it'),
};
type Context = TargetContext<typeof settings>;

/** What stands beside a model: which release it is, and the settings it was published with. */
interface Published {
  readonly stamp: string;
  readonly settings: Context['settings'];
}

/**
 * Publishes models into a model repository, `FOLDER/SERVICE/VERSION/model.onnx`, as Triton and OpenVINO Model Server watch it: the highest version serves.
 * A version appears by one rename, so that a server sees all of it or nothing.
 */
export const modelRepository = defineTarget({
  name: 'acme/model-repository',
  version: 1,
  settings,
  runs: [OnnxModel],
  async check({ settings }) {
    const entry = await stat(settings.folder).catch(() => undefined);
    if (entry?.isDirectory()) return [];
    return failure('MF5002', `the model repository ${settings.folder} is not there`, { hint: 'Mount it, or make the folder.' }).diagnostics;
  },
  read,
  async apply(ctx, want, have) {
    const [wanted] = want.revisions;
    const now = await read(ctx, want.service);
    if (now.token !== have.token)
      throw failure('MF5001', `${want.service} was changed by somebody else: it is at ${now.token}, not at ${have.token}`, {
        hint: 'Run again: the plan is made anew.',
      });
    const isLive = now.revisions[0]?.stamp === wanted?.stamp && JSON.stringify(now.settings) === JSON.stringify(ctx.settings);
    if (!wanted || isLive) return now;
    const home = join(ctx.settings.folder, want.service);
    await mkdir(home, { recursive: true });
    // What a killed run was writing; only one writes at a time.
    for (const name of await readdir(home)) if (name.startsWith('.new-')) await rm(join(home, name), { recursive: true });
    const fresh = await mkdtemp(join(home, '.new-'));
    await copyFile(join(wanted.what.path, wanted.what.facts.model), join(fresh, 'model.onnx'));
    await writeFile(join(fresh, 'published.json'), JSON.stringify({ stamp: wanted.stamp, settings: ctx.settings } satisfies Published));
    ctx.signal.throwIfAborted();
    await rename(fresh, join(home, String(Number(now.revisions[0]?.id ?? 0) + 1)));
    for (const old of (await versionsIn(home)).slice(ctx.settings.keep)) await rm(join(home, String(old)), { recursive: true });
    return read(ctx, want.service);
  },
  async probe(ctx, live) {
    const [serving] = live.revisions;
    const entry = serving && (await stat(join(ctx.settings.folder, live.service, serving.id, 'model.onnx')).catch(() => undefined));
    return entry && entry.size > 0 ? { ok: true } : { ok: false, why: `there is no model.onnx in version ${serving?.id ?? '?'}` };
  },
  async remove(ctx, service) {
    await rm(join(ctx.settings.folder, service), { recursive: true, force: true });
  },
});

async function read({ settings }: Context, service: string): Promise<LiveService> {
  const home = join(settings.folder, service);
  const revisions: Revision[] = [];
  let live: Published | undefined;
  for (const version of await versionsIn(home)) {
    const published = JSON.parse(await readFile(join(home, String(version), 'published.json'), 'utf8')) as Published;
    live ??= published;
    revisions.push({ id: String(version), stamp: published.stamp, weight: revisions.length === 0 ? 100 : 0, health: 'ready' });
  }
  const [serving] = revisions;
  const url = serving && pathToFileURL(resolve(home, serving.id)).href;
  return { service, url, revisions, token: serving ? `version ${serving.id}` : 'nothing', settings: { ...live?.settings } };
}

/** The highest first. */
async function versionsIn(home: string): Promise<readonly number[]> {
  const names = await readdir(home).catch(() => []);
  return names.flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : [])).sort((a, b) => b - a);
}
