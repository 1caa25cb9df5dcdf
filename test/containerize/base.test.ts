import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { openRegistry } from '../../core/index.ts';
import { type LayerEntry, textFile } from '../../stages/containerize/entry.ts';
import { hostBase } from '../../stages/containerize/host-base.ts';
import { buildLayer } from '../../stages/containerize/layer.ts';
import { writeLayout } from '../../stages/containerize/layout.ts';
import { type StoreServer, startServer } from '../remote/servers.ts';
import { blobOf, filesIn, imageRig, type Rig } from './image-rig.ts';

const { signal } = new AbortController();

describe("an image on a base that is pulled, from Debian's docker-registry", () => {
  let server: StoreServer;
  let rig: Rig;
  beforeEach(async () => {
    server = await startServer('oci');
    rig = await imageRig();
    for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
    return () => vi.unstubAllEnvs();
  });

  /** Pushes a base of these layers and returns its name with the tag, and its digest. */
  async function push(layers: readonly (readonly LayerEntry[])[], architecture = 'amd64') {
    const oci = join(rig.folder, 'base');
    const blobs = join(oci, 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    const built = [];
    for (const entries of layers) built.push(await buildLayer('base', entries, { blobs, signal }));
    const env = { PATH: '/usr/local/bin:/usr/bin', LANG: 'C.UTF-8' };
    const config = { architecture, user: '0', env, entrypoint: [], command: [], workingFolder: '/', port: 1, labels: {}, healthCheck: [] };
    const { digest } = await writeLayout(oci, { config, layers: built, name: 'base', tag: '1' });
    const repository = `127.0.0.1:${server.port}/acme/base`;
    await (await openRegistry({ repository, signal })).pushLayout({ folder: oci, tags: ['1'] });
    return { reference: `${repository}:1`, digest, layers: built.map((layer) => layer.digest) };
  }

  const configOf = async (out: string, digest: string) => JSON.parse(String(await blobOf(join(out, 'oci'), digest))).config;

  it('keeps the layers of the base, runs its Node, and says how to pin a tag', async () => {
    const whole = await hostBase();
    const base = await push([whole, [textFile('etc/motd', 'hello\n')]]);
    const { out, facts } = await rig.build(await rig.bundle(), { base: base.reference });
    expect(facts.layers.slice(0, 2).map(({ digest }) => digest)).toEqual(base.layers);
    expect(facts.base).toEqual({ reference: base.reference, digest: base.digest });
    const app = await filesIn(await blobOf(join(out, 'oci'), facts.layers[3]?.digest ?? ''));
    expect(app.get('app/node')?.to).toBe('/usr/local/bin/node');
    expect(await configOf(out, facts.configDigest)).toMatchObject({ Env: expect.arrayContaining(['LANG=C.UTF-8']) });
    expect(rig.warnings).toEqual([expect.stringContaining(`pin it as \`${base.reference}@${base.digest}\``)]);
    const pinned = await rig.build(await rig.bundle(), { base: `${base.reference}@${base.digest}` });
    expect(pinned.facts.digest).toBe(facts.digest);
    expect(rig.warnings.length).toBe(1);
  });

  it('gets the Node of this machine, with the libraries that it lacks, when it has none', async () => {
    const bare = (await hostBase()).filter(({ path }) => !/bin\/node$|libstdc|libgcc/.test(path));
    const base = await push([bare]);
    const { out, facts } = await rig.build(await rig.bundle(), { base: base.reference });
    const runtime = await filesIn(await blobOf(join(out, 'oci'), facts.layers[1]?.digest ?? ''));
    expect([...runtime.keys()].filter((path) => path.startsWith('app/lib/')).sort()).toEqual([
      'app/lib/libgcc_s.so.1',
      'app/lib/libstdc++.so.6',
      'app/lib/node',
    ]);
    expect((await configOf(out, facts.configDigest)).Env).toContain('LD_LIBRARY_PATH=/app/lib');
  });

  const refusals: readonly (readonly [string, string, () => Promise<Awaited<ReturnType<typeof push>>>, RegExp])[] = [
    ['MF3212', 'is built on musl', () => push([[textFile('lib/ld-musl-x86_64.so.1', ''), textFile('bin/sh', '')]]), /built on musl/],
    ['MF3212', 'has no C library', () => push([[textFile('etc/motd', '')]]), /it has none/],
    ['MF3213', 'has an old Node', async () => push([await hostBase(), [await oldNode()]]), /18\.20\.4/],
    ['MF3214', 'is for another processor', () => push([[textFile('etc/motd', '')]], 'arm64'), /linux\/arm64/],
  ];

  it.each(refusals)('%s: a base that %s is refused before anything is built on it', async (code, _, make, message) => {
    const { reference } = await make();
    await expect(rig.build(await rig.bundle(), { base: reference, platform: 'linux/amd64' })).rejects.toMatchObject({
      diagnostics: [{ code, message: expect.stringMatching(message) }],
    });
  });

  it('what an upper layer of the base takes away is not there', async () => {
    const base = await push([await hostBase(), [textFile('usr/local/bin/.wh.node', '')]]);
    const { out, facts } = await rig.build(await rig.bundle(), { base: base.reference });
    const app = await filesIn(await blobOf(join(out, 'oci'), facts.layers[3]?.digest ?? ''));
    expect(app.get('app/node')?.to).toBe('/app/lib/node');
  });
});

/** A library that says of itself what a Node says. */
async function oldNode(): Promise<LayerEntry> {
  const library = (await hostBase()).find(({ path }) => path.endsWith('libgcc_s.so.1'));
  if (library?.kind !== 'file') throw new Error('no library in the base');
  const { content } = library;
  const said = Buffer.from('node.js/v18.20.4\0');
  return {
    ...library,
    path: 'usr/local/bin/node',
    content: {
      sizeBytes: content.sizeBytes + said.length,
      async *read() {
        yield* content.read();
        yield said;
      },
    },
  };
}
