import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, type Log, z } from '../../core/index.ts';
import type { Engine } from './docker.ts';

/** The manifest that `docker load` reads, beside the OCI layout. */
const Manifest = z.array(z.looseObject({ Config: z.string(), Layers: z.array(z.string()) })).length(1);
const Config = z.looseObject({ os: z.string(), architecture: z.string(), rootfs: z.looseObject({ diff_ids: z.array(z.string()) }) });

interface Layout {
  readonly folder: string;
  readonly config: string;
  readonly layers: readonly { readonly path: string; readonly diffId: string }[];
  readonly platform: string;
  /** What the engine calls the image. */
  readonly id: string;
}

/** Gives the engine an image that lies here, under `tag`. Sends only the layers that the engine does not have, and nothing when it has them all. */
export async function loadImage(
  engine: Engine,
  folder: string,
  tag: string,
  given: { readonly signal: AbortSignal; readonly log: Log },
): Promise<{ readonly sentBytes: number }> {
  const layout = await readLayout(folder);
  if (layout.platform !== engine.platform)
    throw failure(
      'MF5204',
      `the image is for ${layout.platform}, and the Docker engine at ${engine.endpoint.url} runs ${engine.platform}`,
      {
        hint: `Build it for ${engine.platform}.`,
      },
    );
  if (!(await hasImage(engine, layout.id))) {
    const known = await knownLayers(engine, layout, given.signal);
    const sent = await send(engine, layout, tag, known, given).catch(async (error: unknown) => {
      // An engine with another store may want all of it.
      if (known === 0 || given.signal.aborted || !isRefusal(error)) throw await engine.explain(error, `load the image ${tag}`);
      return send(engine, layout, tag, 0, given).catch(async (again: unknown) => {
        throw await engine.explain(again, `load the image ${tag}`);
      });
    });
    if (await hasImage(engine, tag)) return { sentBytes: sent };
  }
  const [repo, version] = splitTag(tag);
  await engine.api.getImage(layout.id).tag({ repo, tag: version });
  return { sentBytes: 0 };
}

/** `a/b:7-abc` → `a/b` and `7-abc`. */
export function splitTag(tag: string): readonly [string, string] {
  const at = tag.lastIndexOf(':');
  return [tag.slice(0, at), tag.slice(at + 1)];
}

export async function hasImage(engine: Engine, reference: string): Promise<boolean> {
  try {
    await engine.api.getImage(reference).inspect();
    return true;
  } catch (error) {
    if ((error as { readonly statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

async function readLayout(folder: string): Promise<Layout> {
  const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'));
  const [manifest] = Manifest.parse(await json('manifest.json'));
  if (manifest === undefined) throw new Error('a layout has one image');
  const { os, architecture, rootfs } = Config.parse(await json(manifest.Config));
  const layers = manifest.Layers.map((path, at) => ({ path, diffId: rootfs.diff_ids[at] ?? '' }));
  const id = `sha256:${/[0-9a-f]{64}/.exec(manifest.Config)?.[0] ?? ''}`;
  return { folder, config: manifest.Config, layers, platform: `${os}/${architecture}`, id };
}

/** How many layers from the bottom the engine has on top of each other: such a layer needs no bytes. */
async function knownLayers(engine: Engine, { layers }: Layout, signal: AbortSignal): Promise<number> {
  const images = await engine.api.listImages({ abortSignal: signal });
  const stacks = await Promise.all(
    images.map(async ({ Id }) => {
      const { RootFS } = await engine.api.getImage(Id).inspect();
      return RootFS.Layers ?? [];
    }),
  ).catch(() => []);
  const shared = stacks.map((stack) => {
    const end = layers.findIndex(({ diffId }, at) => stack[at] !== diffId);
    return end === -1 ? layers.length : end;
  });
  return Math.max(0, ...shared);
}

async function send(
  engine: Engine,
  layout: Layout,
  tag: string,
  known: number,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<number> {
  const { pack } = await import('tar-stream');
  const tar = pack();
  const files = [layout.config, ...layout.layers.slice(known).map(({ path }) => path)];
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(layout.folder, name))).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const counted = { bytes: 0 };
  const written = (async () => {
    for (const [at, name] of files.entries()) await addFile(tar, join(layout.folder, name), name, sizes[at] ?? 0, note);
    const manifest = [{ Config: layout.config, RepoTags: [tag], Layers: layout.layers.map(({ path }) => path) }];
    tar.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
    tar.finalize();
  })();
  function note(bytes: number): void {
    counted.bytes += bytes;
    log.progress(total === 0 ? undefined : counted.bytes / total, 'giving the engine the image');
  }
  written.catch((error: Error) => tar.destroy(error));
  // The connection ends when the engine refuses early, which is told by its answer.
  const answer = await engine.api.loadImage(tar as unknown as NodeJS.ReadableStream, { quiet: true, abortSignal: signal });
  await followed(answer);
  await written;
  return total;
}

function addFile(
  tar: ReturnType<typeof import('tar-stream')['pack']>,
  path: string,
  name: string,
  size: number,
  note: (bytes: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const entry = tar.entry({ name, size }, (error) => (error ? reject(error) : resolve()));
    createReadStream(path)
      .on('error', reject)
      .on('data', (chunk) => note(chunk.length))
      .pipe(entry);
  });
}

/** Reads the lines of progress to their end; what went wrong is told in one of them. */
export async function followed(
  answer: NodeJS.ReadableStream,
  onLine?: (line: { readonly status?: string; readonly stream?: string }) => void,
): Promise<void> {
  let rest = '';
  for await (const chunk of answer) {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) read(line);
  }
  read(rest);
  function read(line: string): void {
    if (line.trim() === '') return;
    const said = JSON.parse(line) as { readonly error?: string; readonly status?: string; readonly stream?: string };
    // As the client tells what the engine refuses at once.
    if (said.error !== undefined) throw Object.assign(new Error(said.error), { statusCode: 500, json: { message: said.error } });
    onLine?.(said);
  }
}

function isRefusal(error: unknown): boolean {
  return (error as { readonly statusCode?: number } | null)?.statusCode !== undefined;
}
