import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { openRegistry, type Registry } from '../../core/index.ts';
import { faultProxy } from '../remote/fault-proxy.ts';
import { type StoreServer, startServer } from '../remote/servers.ts';
import { makeLayout, makeManyPlatforms, temporaryFolder } from './layouts.ts';

const { signal } = new AbortController();

describe("against Debian's docker-registry", () => {
  let server: StoreServer;
  const open = (name = 'acme/digits', port = server.port): Promise<Registry> =>
    openRegistry({ repository: `127.0.0.1:${port}/${name}`, signal });
  beforeEach(async () => {
    server = await startServer('oci');
    for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
    return () => vi.unstubAllEnvs();
  });

  it('a pushed image is the same for skopeo, and is pulled back byte for byte', async () => {
    const layout = makeLayout(['one', randomBytes(40 << 20)]);
    const registry = await open();
    expect(await registry.hasManifest(layout.digest)).toBe(false);
    const pushed = await registry.pushLayout({ folder: layout.folder, tags: ['1.0', 'latest'] });
    expect(pushed).toMatchObject({
      digest: layout.digest,
      reference: `127.0.0.1:${server.port}/acme/digits@${layout.digest}`,
      skippedBytes: 0,
    });
    expect(pushed.sentBytes).toBeGreaterThan(40 << 20);
    expect(await registry.resolve('1.0')).toBe(layout.digest);
    const inspected = JSON.parse(
      execFileSync('skopeo', ['inspect', '--tls-verify=false', `docker://127.0.0.1:${server.port}/acme/digits:latest`], {
        encoding: 'utf8',
      }),
    ) as { readonly Digest: string; readonly Layers: readonly string[] };
    expect(inspected).toMatchObject({ Digest: layout.digest, Layers: layout.layers });
    const [into, cacheFolder] = [temporaryFolder(), temporaryFolder()];
    const cached = await openRegistry({ repository: registry.repository, signal, cacheFolder });
    expect(await cached.pull('latest', 'linux/amd64', into)).toMatchObject({ digest: layout.digest, cachedBytes: 0 });
    for (const digest of layout.layers) {
      const path = join('blobs', 'sha256', digest.slice(7));
      expect(readFileSync(join(into, path)).equals(readFileSync(join(layout.folder, path)))).toBe(true);
    }
    execFileSync('skopeo', ['inspect', `oci:${into}`]);
    const again = await cached.pull(layout.digest, 'linux/amd64', temporaryFolder());
    expect(again).toMatchObject({ fetchedBytes: 0, cachedBytes: pushed.sentBytes });
  });

  it('what is kept of earlier pulls and has rotted is fetched again', async () => {
    const layout = makeLayout(['model']);
    const registry = await open();
    await registry.pushLayout({ folder: layout.folder, tags: [] });
    const cacheFolder = temporaryFolder();
    const cached = await openRegistry({ repository: registry.repository, signal, cacheFolder });
    await cached.pull(layout.digest, 'linux/amd64', temporaryFolder());
    const blob = join('blobs', 'sha256', layout.layers[0]?.slice(7) ?? '');
    writeFileSync(join(cacheFolder, blob), 'rotten');
    const into = temporaryFolder();
    expect((await cached.pull(layout.digest, 'linux/amd64', into)).fetchedBytes).toBeGreaterThan(0);
    expect(readFileSync(join(into, blob)).equals(readFileSync(join(layout.folder, blob)))).toBe(true);
  });

  it('what the registry has is not sent again, what another repository has is taken over, and a new model sends only itself', async () => {
    const base = randomBytes(1 << 20);
    const first = makeLayout([base, 'model 1']);
    const registry = await open();
    const { sentBytes } = await registry.pushLayout({ folder: first.folder, tags: ['1'] });
    expect(await registry.pushLayout({ folder: first.folder, tags: ['1'] })).toMatchObject({ sentBytes: 0, skippedBytes: sentBytes });
    const second = makeLayout([base, 'model 2']);
    expect((await registry.pushLayout({ folder: second.folder, tags: ['2'] })).sentBytes).toBeLessThan(2_000);
    const other = await open('acme/letters');
    const images = [`127.0.0.1:${server.port}/acme/digits:1`, 'ghcr.io/acme/digits'];
    expect(await other.pushLayout({ folder: second.folder, tags: ['2'], mountFrom: images })).toMatchObject({
      sentBytes: 0,
      skippedBytes: 0,
    });
  });

  it('a registry that has lost its bytes is given them again', async () => {
    const layout = makeLayout(['one']);
    const registry = await open();
    await registry.pushLayout({ folder: layout.folder, tags: ['1'] });
    rmSync(join(server.folder, 'docker'), { recursive: true });
    expect(await registry.hasManifest(layout.digest)).toBe(false);
    expect((await registry.pushLayout({ folder: layout.folder, tags: ['1'] })).sentBytes).toBeGreaterThan(0);
    expect(await registry.resolve('1')).toBe(layout.digest);
  });

  it('of an index the image of the platform is pulled, and a platform that is not there is named with those that are', async () => {
    const many = makeManyPlatforms(['linux/arm64', 'linux/amd64']);
    const registry = await open();
    await registry.pushLayout({ folder: many.folder, tags: ['latest'] });
    const into = temporaryFolder();
    const pulled = await registry.pull('latest', 'linux/amd64', into);
    expect(pulled.indexDigest).toBe(many.digest);
    expect(pulled.digest).not.toBe(many.digest);
    await expect(registry.pull('latest', 'linux/s390x', into)).rejects.toThrow(
      /MF3248: .* linux\/arm64, linux\/amd64, and not for linux\/s390x/,
    );
  });

  it('connections that break and answers that get lost cost time and nothing else', async () => {
    const proxy = await faultProxy(server.port);
    const counts: Record<string, number> = {};
    const spoiled = (method = ''): number => {
      counts[method] = (counts[method] ?? 0) + 1;
      return counts[method];
    };
    // Of each kind of request the answer to the second is lost, the third is refused for now, and so on once more.
    proxy.fault = (_, { method }) => {
      const number = spoiled(method);
      return number === 2 || number === 8 ? { isLost: true } : number === 3 || number === 9 ? { status: 503 } : undefined;
    };
    const registry = await open('acme/digits', proxy.port);
    const layout = makeLayout(['small', randomBytes(50 << 20)]);
    await registry.pushLayout({ folder: layout.folder, tags: ['1'] });
    const direct = await open();
    expect(await direct.resolve('1')).toBe(layout.digest);
    const into = temporaryFolder();
    await direct.pull('1', 'linux/amd64', into);
    expect(existsSync(join(into, 'index.json'))).toBe(true);
  });

  it('a chunk that did not arrive is sent again, and not those before it', async () => {
    const proxy = await faultProxy(server.port);
    let patches = 0;
    proxy.fault = (_, { method }) => (method === 'PATCH' && ++patches === 3 ? { status: 503 } : undefined);
    const layout = makeLayout([randomBytes(70 << 20)]);
    await (await open('acme/digits', proxy.port)).pushLayout({ folder: layout.folder, tags: ['1'] });
    expect(await (await open()).resolve('1')).toBe(layout.digest);
    expect(patches).toBe(5);
  });

  it('attachments are found where the registry keeps no list of them, and attaching twice changes nothing', async () => {
    const layout = makeLayout(['one']);
    const registry = await open();
    await registry.pushLayout({ folder: layout.folder, tags: ['1'] });
    const attach = (text: string): Promise<string> =>
      registry.attach({
        subject: layout.digest,
        artifactType: 'application/vnd.cyclonedx+json',
        mediaType: 'application/vnd.cyclonedx+json',
        bytes: Buffer.from(text),
        annotations: { made: text },
      });
    const digest = await attach('a');
    expect(await attach('a')).toBe(digest);
    await attach('b');
    expect(await registry.referrers(layout.digest)).toEqual([
      { digest, artifactType: 'application/vnd.cyclonedx+json', annotations: { made: 'a' } },
      expect.objectContaining({ annotations: { made: 'b' } }),
    ]);
    expect(Buffer.from(await registry.attached(digest)).toString()).toBe('a');
    await expect(
      registry.attach({ subject: `sha256:${'0'.repeat(64)}`, artifactType: 'a/b', mediaType: 'a/b', bytes: Buffer.from('') }),
    ).rejects.toThrow('MF3241');
  });
});
