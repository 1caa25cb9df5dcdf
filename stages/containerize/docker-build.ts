import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { failure, type Log } from '../../core/index.ts';
import { connectDocker, type Engine } from '../lib/docker.ts';
import { type Layer, type LayerRole, layerOfTar } from './layer.ts';

export interface DockerBuild {
  readonly engine: { readonly host?: string | undefined };
  readonly dockerfile: string;
  /** Path in the context → file here. */
  readonly files: ReadonlyMap<string, string>;
  readonly args: Readonly<Record<string, string>>;
  readonly architecture: string;
  /** Where the blobs of the image go. */
  readonly blobs: string;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** What an engine has built, taken out of it: its layers, and its configuration as it is. */
export interface DockerBuilt {
  readonly layers: readonly Layer[];
  readonly config: Buffer;
  /** Gives it a name in the engine, which keeps it. */
  tag(name: string, tag: string): Promise<void>;
}

/** Has a Docker engine build a Dockerfile, and takes the image out of it. MF3216 with the last lines when a step fails. */
export async function withDockerBuild<T>(build: DockerBuild, use: (built: DockerBuilt) => Promise<T>): Promise<T> {
  const engine = await connectDocker(build.engine, build.signal);
  try {
    if (engine.platform !== `linux/${build.architecture}`) {
      throw failure(
        'MF3214',
        `The Docker engine at ${engine.endpoint.url} builds for ${engine.platform}, and the image is for linux/${build.architecture}`,
        {
          hint: 'Choose an engine on such a machine, or leave `builder` out: without an engine, images for other platforms can be built.',
        },
      );
    }
    const id = await buildIn(engine, build);
    const saved = await takeOut(engine, id, build);
    return await use({ ...saved, tag: (repo, tag) => engine.api.getImage(id).tag({ repo, tag }) });
  } catch (error) {
    build.signal.throwIfAborted();
    throw await engine.explain(error, 'build the image');
  } finally {
    engine.close();
  }
}

interface Message {
  readonly stream?: string;
  readonly error?: string;
  readonly aux?: { readonly ID?: string };
}

/** Returns the id of the image. What goes wrong comes in the answer, after its status 200. */
async function buildIn(engine: Engine, { dockerfile, files, args, log, signal }: DockerBuild): Promise<string> {
  const options = { dockerfile: 'Dockerfile', buildargs: { ...args }, rm: true, forcerm: true, abortSignal: signal };
  const answer = await engine.api.buildImage(await contextOf(dockerfile, files), options);
  const said: string[] = [];
  let id: string | undefined;
  let broken: string | undefined;
  const listen = ({ stream, aux, error }: Message): void => {
    id = aux?.ID ?? id;
    broken = error ?? broken;
    for (const line of `${stream ?? ''}${error ?? ''}`.split('\n').filter((each) => each.trim() !== '')) {
      said.push(line);
      const [, step, steps] = /^Step (\d+)\/(\d+) : /.exec(line) ?? [];
      if (step !== undefined) log.progress((Number(step) - 1) / Number(steps), line.replace(/^Step \S+ : /, '').slice(0, 60));
      else if (!/^ ---> |^Removing intermediate|^Successfully built/.test(line)) log.info(line);
    }
  };
  const error = await new Promise<Error | null>((resolve) => {
    engine.api.modem.followProgress(answer, (problem: Error | null) => resolve(problem), listen);
  });
  broken ??= error?.message;
  if (broken === undefined && id !== undefined) return id;
  signal.throwIfAborted();
  throw failure('MF3216', `docker build failed: ${broken ?? 'the engine named no image'}`, {
    hint: 'The step that failed is the last one below. Correct the Dockerfile and run again: what was built before it is kept by the engine.',
    detail: said.slice(-12),
  });
}

async function contextOf(dockerfile: string, files: ReadonlyMap<string, string>): Promise<Readable> {
  const { pack } = await import('tar-stream');
  const tar = pack();
  const writeAll = async (): Promise<void> => {
    tar.entry({ name: 'Dockerfile', mode: 0o644, mtime: new Date(0) }, dockerfile);
    for (const [name, file] of files) {
      const sink = tar.entry({ name, mode: 0o644, mtime: new Date(0), size: (await stat(file)).size });
      await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), sink);
    }
    tar.finalize();
  };
  writeAll().catch((cause: unknown) => tar.destroy(cause instanceof Error ? cause : new Error(String(cause))));
  return Readable.from(tar);
}

interface SavedImage {
  readonly Config: string;
  readonly Layers: readonly string[];
}

/** `docker save` names its files in manifest.json, whichever of its formats it writes; layers come without compression. */
async function takeOut(engine: Engine, id: string, { blobs, signal, log }: DockerBuild): Promise<Omit<DockerBuilt, 'tag'>> {
  const { extract } = await import('tar-stream');
  const scratch = join(blobs, '.saved');
  await mkdir(scratch, { recursive: true });
  try {
    log.progress(0.9, 'taking the image out of the engine');
    const tar = extract();
    const done = pipeline(await engine.api.getImage(id).get(), tar, { signal });
    const at = new Map<string, string>();
    for await (const entry of tar) {
      const { name, type, linkname } = entry.header;
      // A layer that is there twice is a link the second time.
      if (type === 'symlink' || type === 'link') at.set(name, `${basename(join(name, '..', linkname ?? '', '..'))}/layer.tar`);
      else if (type === 'file') await pipeline(entry, createWriteStream(join(scratch, name.replaceAll('/', '-'))));
      entry.resume();
    }
    await done;
    const fileOf = (name: string): string => join(scratch, (at.get(name) ?? name).replaceAll('/', '-'));
    const [image] = JSON.parse(await readFile(fileOf('manifest.json'), 'utf8')) as readonly SavedImage[];
    if (image === undefined) throw new Error('the engine saved no image');
    const layers: Layer[] = [];
    for (const name of image.Layers) {
      const { role, unpackedBytes } = await contentOf(fileOf(name));
      layers.push(
        await layerOfTar(
          { role, unpackedBytes, open: async () => createReadStream(fileOf(name), { highWaterMark: 1 << 20 }) },
          { blobs, signal },
        ),
      );
    }
    return { layers, config: await readFile(fileOf(image.Config)) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A Dockerfile of somebody else's may have any layers: they are known by what is in them. */
async function contentOf(tarFile: string): Promise<{ readonly role: LayerRole; readonly unpackedBytes: number }> {
  const { extract } = await import('tar-stream');
  const tar = extract();
  const done = pipeline(createReadStream(tarFile, { highWaterMark: 1 << 20 }), tar);
  const names: string[] = [];
  let unpackedBytes = 0;
  for await (const entry of tar) {
    names.push(entry.header.name);
    unpackedBytes += entry.header.size ?? 0;
    entry.resume();
  }
  await done;
  const has = (start: string): boolean => names.some((name) => name.startsWith(start));
  const role = has('model/bundle.json') ? 'model' : has('app/server.js') ? 'app' : has('app/node_modules/') ? 'runtime' : 'base';
  return { role, unpackedBytes };
}
