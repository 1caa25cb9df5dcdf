import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Container, Engine } from '../../lib/docker.ts';

/** The text of a file in a container, which need not run; undefined when there is none. */
export async function readFromContainer(engine: Engine, id: string, path: string): Promise<string | undefined> {
  const { extract } = await import('tar-stream');
  let stream: Readable;
  try {
    stream = (await engine.api.getContainer(id).getArchive({ path })) as unknown as Readable;
  } catch (error) {
    if ((error as { readonly statusCode?: number }).statusCode !== undefined) return undefined;
    throw error;
  }
  for await (const entry of stream.pipe(extract())) return (await buffer(entry)).toString('utf8');
  return undefined;
}

/** Puts one file into a volume of a container that need not run, and gives the folder to the user of the container. */
export async function writeToContainer(container: Container, folder: string, file: string, text: string, user: string): Promise<void> {
  const { pack } = await import('tar-stream');
  const [uid = 0, gid = uid] = user.split(':').map(Number);
  const tar = pack();
  tar.entry({ name: './', type: 'directory', mode: 0o700, uid, gid });
  tar.entry({ name: file, mode: 0o600, uid, gid }, text);
  tar.finalize();
  await container.putArchive(await buffer(tar), { path: folder });
}
