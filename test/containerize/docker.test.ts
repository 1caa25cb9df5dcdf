import { execFile, execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { testDocker } from '../support/engines.ts';
import { blobOf, type Facts, filesIn, imageRig, type Packed, type Rig } from './image-rig.ts';

const engine = testDocker();

describe.skipIf(engine === undefined)('with a Docker engine', () => {
  let rig: Rig;
  beforeEach(async () => {
    vi.stubEnv('DOCKER_HOST', engine ?? '');
    rig = await imageRig();
    return () => vi.unstubAllEnvs();
  });

  const docker = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)('docker', [...args], { env: { ...process.env, DOCKER_HOST: engine }, maxBuffer: 1 << 26 })).stdout.trim();

  /** Starts a container as a cautious platform would, and returns its name; it goes with the test. */
  async function start(image: string, command: readonly string[], ...more: readonly string[]): Promise<string> {
    const hardened = [
      '--read-only',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
      '--user',
      '65532:65532',
      '--tmpfs',
      '/tmp',
    ];
    const id = await docker('run', '--detach', ...hardened, ...more, image, ...command);
    onTestFinished(async () => void (await docker('rm', '--force', '--volumes', id)));
    return id;
  }

  async function load({ out, facts }: { readonly out: string; readonly facts: Facts }): Promise<string> {
    execFileSync('sh', ['-c', `tar -C ${join(out, 'oci')} -c . | docker load`], { env: { ...process.env, DOCKER_HOST: engine } });
    onTestFinished(async () => void (await docker('rmi', '--force', `${facts.name}:${facts.tag}`)));
    return `${facts.name}:${facts.tag}`;
  }

  const isReady = (id: string) =>
    vi.waitUntil(
      () =>
        docker('exec', id, '/app/node', '/app/health.js').then(
          () => true,
          () => false,
        ),
      { timeout: 30_000 },
    );

  it('the image serves as nobody on a read-only root, answers, takes the word `serve`, and ends cleanly when it is stopped', async () => {
    const built = await rig.build(await rig.bundle());
    const image = await load(built);
    expect(await docker('image', 'inspect', '--format', '{{.Id}}', image)).toBe(built.facts.configDigest);
    const id = await start(image, ['serve'], '--publish', '127.0.0.1::8080');
    await isReady(id);
    const url = `http://${(await docker('port', id, '8080')).split('\n')[0]}`;
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 0, 0] }] });
    const answer = await fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body });
    expect(await answer.json()).toMatchObject({ outputs: [{ data: [1.5, 1.5] }] });
    expect(await docker('diff', id)).toBe('');
    await docker('stop', id);
    expect(await docker('inspect', '--format', '{{.State.ExitCode}}', id)).toBe('0');
  });

  it('Docker builds the same image from the rendered Dockerfile: path by path the same files, and the same configuration', async () => {
    const model = await rig.bundle();
    const packed = await rig.build(model);
    const built = await rig.build(model, { builder: { docker: engine ?? '' }, tag: 'by-docker' });
    onTestFinished(async () => void (await docker('rmi', '--force', 'image-test/digits:by-docker')));
    expect(await treeOf(built)).toEqual(await treeOf(packed));
    expect(await configOf(built)).toEqual(await configOf(packed));
    expect(built.facts.layers.map(({ role }) => role)).toEqual(expect.arrayContaining(['base', 'runtime', 'app', 'model']));
    const byHand = await promisify(execFile)('docker', ['build', '--quiet', built.out], { env: { ...process.env, DOCKER_HOST: engine } });
    expect(byHand.stdout.trim()).toBe(built.facts.configDigest);
  });

  it('a Dockerfile of the user is built with the layers of the model, and a step that fails is shown', async () => {
    const model = await rig.bundle();
    const dockerfile = { source: 'file' as const, path: join(rig.folder, 'Dockerfile') };
    const lines = ['FROM scratch', ...['BASE', 'RUNTIME', 'APP', 'MODEL'].flatMap((each) => [`ARG ${each}`, `ADD \${${each}} /`])];
    await writeFile(dockerfile.path, [...lines, 'LABEL team=search', 'RUN ["/app/node", "-e", "process.exit(7)"]'].join('\n'));
    await expect(rig.build(model, { dockerfile })).rejects.toMatchObject({
      diagnostics: [
        {
          code: 'MF3216',
          message: expect.stringContaining('returned a non-zero code: 7'),
          detail: expect.arrayContaining([expect.stringContaining('process.exit(7)')]),
        },
      ],
    });
    await writeFile(dockerfile.path, [...lines, 'LABEL team=search', 'RUN ["/app/node", "-e", "console.log(42)"]'].join('\n'));
    const built = await rig.build(model, { dockerfile, tag: 'of-mine' });
    onTestFinished(async () => void (await docker('rmi', '--force', 'image-test/digits:of-mine')));
    expect((await configOf(built)).Labels).toEqual({ team: 'search' });
    expect(built.facts.user).toBe('0:0');
    expect(rig.warnings).toEqual([expect.stringContaining('runs the server as root')]);
    await expect(rig.build(model, { dockerfile, builder: 'oci' })).rejects.toMatchObject({ diagnostics: [{ code: 'MF3215' }] });
  });
});

type Built = Awaited<ReturnType<Rig['build']>>;

/** What a container would see: the layers on top of each other. */
async function treeOf({ out, facts }: Built): Promise<ReadonlyMap<string, Omit<Packed, 'mtimeMs'>>> {
  const tree = new Map<string, Omit<Packed, 'mtimeMs'>>();
  for (const { digest } of facts.layers) {
    for (const [path, { mtimeMs, ...file }] of await filesIn(await blobOf(join(out, 'oci'), digest))) tree.set(path, file);
  }
  return new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function configOf({ out, facts }: Built) {
  const { config } = JSON.parse(String(await blobOf(join(out, 'oci'), facts.configDigest)));
  const { User, Env, Entrypoint, ExposedPorts, Healthcheck, StopSignal, WorkingDir, Labels } = config;
  return { User, Env: [...Env].sort(), Entrypoint, ExposedPorts, Healthcheck, StopSignal, WorkingDir, Labels };
}
