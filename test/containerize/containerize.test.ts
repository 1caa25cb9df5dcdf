import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { askRouter, routerImage } from '../../stages/containerize/router-image.ts';
import { blobOf, filesIn, imageRig, jsonOf } from './image-rig.ts';

test('every blob of the image lies under its digest, layers unpack to their diff ids, and the facts say the same', async () => {
  const rig = await imageRig();
  const { out, facts } = await rig.build(await rig.bundle());
  const oci = join(out, 'oci');
  const { manifests } = await jsonOf(join(oci, 'index.json'));
  expect(manifests[0]).toMatchObject({ digest: facts.digest, platform: { os: 'linux' } });
  const manifest = JSON.parse(String(await blobOf(oci, facts.digest)));
  const config = JSON.parse(String(await blobOf(oci, facts.configDigest)));
  expect(manifest.config.digest).toBe(facts.configDigest);
  expect(manifest.layers.map(({ digest, size }: { digest: string; size: number }) => ({ digest, sizeBytes: size }))).toEqual(
    facts.layers.map(({ digest, sizeBytes }) => ({ digest, sizeBytes })),
  );
  expect(config.rootfs.diff_ids).toEqual(facts.layers.map(({ diffId }) => diffId));
  expect(facts.layers.map(({ role }) => role)).toEqual(['base', 'runtime', 'app', 'model']);
  for (const { digest, sizeBytes } of facts.layers) expect((await blobOf(oci, digest)).length).toBe(sizeBytes);
  expect(config.config).toMatchObject({
    User: '65532:65532',
    StopSignal: 'SIGTERM',
    Entrypoint: ['/app/node', '/app/server.js', '--bundle', '/model', '--host', '0.0.0.0'],
    ExposedPorts: { '8080/tcp': {} },
  });
  const [forDocker] = await jsonOf(join(oci, 'manifest.json'));
  expect(forDocker.RepoTags).toEqual([`image-test/digits:${facts.tag}`]);
});

test('another model changes the layer of the model and no other', async () => {
  const rig = await imageRig();
  const once = await rig.build(await rig.bundle());
  const other = await rig.build(await rig.bundle({ name: 'another' }));
  const digests = ({ facts }: typeof once) => facts.layers.map(({ digest }) => digest);
  expect(digests(other).slice(0, 3)).toEqual(digests(once).slice(0, 3));
  expect(digests(other)[3]).not.toBe(digests(once)[3]);
});

test('all files belong to root and have neither time nor umask of whoever built, and the model is there once', async () => {
  const rig = await imageRig();
  const { out, facts } = await rig.build(await rig.bundle());
  for (const { role, digest } of facts.layers) {
    const files = await filesIn(await blobOf(join(out, 'oci'), digest));
    for (const [path, file] of files) {
      expect({ path, uid: file.uid, gid: file.gid, mtimeMs: file.mtimeMs }).toEqual({ path, uid: 0, gid: 0, mtimeMs: 0 });
      if (file.type === 'file') expect([0o644, 0o755]).toContain(file.mode);
    }
    if (role === 'model') expect([...files.keys()]).toEqual(['model', 'model/bundle.json', 'model/model.onnx']);
  }
});

test('only a model that takes images brings what decodes them, and only the native code of the platform is there', async () => {
  const rig = await imageRig();
  const image = { width: 8, height: 8, channels: 1 as const, invert: false };
  const runtimeOf = async (processing?: object) => {
    const { out, facts } = await rig.build(await rig.bundle(processing ? { processing: processing as never } : {}));
    return [...(await filesIn(await blobOf(join(out, 'oci'), facts.layers[1]?.digest ?? ''))).keys()];
  };
  const plain = await runtimeOf();
  expect(plain.filter((path) => path.endsWith('.node')).length).toBe(1);
  expect(plain.some((path) => path.includes('sharp'))).toBe(false);
  expect((await runtimeOf({ input: { image } })).some((path) => path.includes('libvips-cpp.so'))).toBe(true);
});

const hasSkopeo = (() => {
  try {
    return execFileSync('skopeo', ['--version']).length > 0;
  } catch {
    return false;
  }
})();

test.skipIf(!hasSkopeo)('skopeo copies the image and keeps its digest (skipped where skopeo is not installed)', async () => {
  const rig = await imageRig();
  const { out, facts } = await rig.build(await rig.bundle());
  const copy = join(rig.folder, 'copy');
  await promisify(execFile)('skopeo', [
    'copy',
    '--insecure-policy',
    '--preserve-digests',
    `oci:${join(out, 'oci')}:${facts.tag}`,
    `oci:${copy}:v1`,
  ]);
  expect((await jsonOf(join(copy, 'index.json'))).manifests[0].digest).toBe(facts.digest);
});

test("the router's image shares its base with that of a model", async () => {
  const rig = await imageRig();
  const { facts } = await rig.build(await rig.bundle());
  const oci = join(rig.folder, 'router');
  const router = await routerImage({
    oci,
    signal: new AbortController().signal,
    log: { info: () => {}, warn: () => {}, progress: () => {} },
  });
  expect(router.layers.map(({ role }) => role)).toEqual(['base', 'app']);
  expect(router.layers[0]).toEqual(facts.layers[0]);
  const config = JSON.parse(String(await blobOf(oci, router.configDigest)));
  expect(config.config.Entrypoint).toEqual([...askRouter.slice(0, 2)]);
});
