import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../remote/servers.ts';
import { adds } from '../../support/adder.ts';
import type { TestCluster } from '../../support/engines.ts';
import { type Road, roadTo } from '../../support/road.ts';

/** Somewhere to release to, and how its own tools do the same by hand. */
export interface Place {
  readonly name: string;
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
  readonly hand: string;
  /** What has to be there before the first release by hand; gets the folder in which modelflow has released already. */
  prepare(folder: string): Promise<void>;
  /** Resolves when the service that was released by hand serves this model, and the one before it is gone. */
  byHand(add: number): Promise<void>;
  /** What an update made travel since the last time it was asked, by name; for places that are reached over a wire. */
  travelled(): Readonly<Record<string, number>>;
  remove(): Promise<void>;
}

const cli = fileURLToPath(new URL('../../../dist/core/cli/bin.js', import.meta.url));
const server = fileURLToPath(new URL('../../../dist/core/serve/main.js', import.meta.url));

/** As from a shell: what npm tells this script about itself is not for the tools. */
const surroundings = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));

/** Runs a program to its end; what it said, when that was good. */
export function ran(
  program: string,
  args: readonly string[],
  given: { cwd?: string; env?: Readonly<Record<string, string>>; input?: string } = {},
) {
  return new Promise<string>((resolve, reject) => {
    const child = spawn(program, args, { cwd: given.cwd, env: { ...surroundings, ...given.env } });
    const text = { out: '', all: '' };
    child.stdout.on('data', (piece) => {
      text.out += piece;
      text.all += piece;
    });
    child.stderr.on('data', (piece) => {
      text.all += piece;
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(text.out.trim()) : reject(new Error(`${program} ${args.join(' ')}: ${code}\n${text.all}`)),
    );
    child.stdin.end(given.input);
  });
}

export const modelflow = (folder: string, env: Place['env'], ...args: string[]): Promise<string> =>
  ran(process.execPath, [cli, ...args], { cwd: folder, env });

/** Asks as often as it can bear, as a script would. */
async function untilReady(url: string): Promise<void> {
  for (;;) {
    const is = await fetch(`${url}/v2/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (is) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const pipeline = (what: string, target: string): string => `
import { definePipeline } from 'modelflow';
import * as stages from 'modelflow/stages';
const { bundle, containerize, deploy, docker, kubernetes, local, onnxModel } = stages;
export default definePipeline({ name: 'adder', build: () => {
  const release = bundle({ model: onnxModel({ path: './model.onnx' }) });
  return { service: deploy({ what: ${what}, service: 'bench', target: ${target} }) };
} });
`;
const image = `containerize({ model: release, name: 'bench' })`;

/** Start the server on another port, wait until it is ready, stop the one before: what every tool has to do at least. */
export async function localPlace(): Promise<Place> {
  const port = await freePort();
  let before: ReturnType<typeof spawn> | undefined;
  let folder = '';
  return {
    name: 'local',
    config: pipeline('release', `local({ port: ${port} })`),
    env: {},
    hand: 'node server, wait until ready, stop the one before',
    prepare: async () => {
      folder = mkdtempSync(join(tmpdir(), 'modelflow-bench-hand-'));
    },
    async byHand(add) {
      writeFileSync(join(folder, 'model.onnx'), adds(add));
      const at = await freePort();
      const next = spawn(process.execPath, [server, '--bundle', join(folder, 'model.onnx'), '--port', String(at)], { stdio: 'ignore' });
      await untilReady(`http://127.0.0.1:${at}`);
      before?.kill();
      before = next;
    },
    travelled: () => ({}),
    async remove() {
      before?.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The image of the release that was made last, for `docker load`: what is built on it by hand has everything but the model in common with ours. */
async function loadImage(folder: string, env: Place['env']): Promise<string> {
  const artifacts = join(folder, '.modelflow', 'artifacts');
  const layout = readdirSync(artifacts, { recursive: true, withFileTypes: true }).find(
    ({ name, parentPath }) =>
      name === 'manifest.json' && parentPath.endsWith('/oci') && !readFileSync(join(parentPath, name), 'utf8').includes('router'),
  );
  if (layout === undefined) throw new Error('no image was made');
  const said = await ran('sh', ['-c', 'tar -c . | docker load'], { cwd: layout.parentPath, env });
  return said.split(' ').at(-1) ?? '';
}

async function buildByHand(folder: string, tag: string, add: number, env: Place['env']): Promise<void> {
  writeFileSync(join(folder, 'model.onnx'), adds(add));
  await ran('docker', ['build', '-q', '-t', tag, '.'], { cwd: folder, env: { ...env, DOCKER_BUILDKIT: '0' } });
}

function contextFor(base: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-bench-hand-'));
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${base}\nCOPY model.onnx /model/model.onnx\n`);
  return folder;
}

/** `docker build`, `docker run`, wait until healthy, remove the one before: what Kamal does, without its proxy. */
export async function dockerPlace(engine: string): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-bench-'));
  const road = await roadTo({ path: engine.replace('unix://', '') }, { path: join(folder, 'docker.sock') });
  const env = { DOCKER_HOST: `unix://${join(folder, 'docker.sock')}` };
  const direct = { DOCKER_HOST: engine };
  let context = '';
  let before: string | undefined;
  return {
    name: 'docker',
    config: pipeline(image, `docker({ port: ${await freePort()} })`),
    env,
    hand: 'docker build, run, wait until ready, remove the one before',
    async prepare(released) {
      context = contextFor(await loadImage(released, direct));
    },
    async byHand(add) {
      await buildByHand(context, 'modelflow-bench-hand', add, direct);
      const at = await freePort();
      const args = [
        'run',
        '-d',
        '--read-only',
        '--tmpfs',
        '/tmp',
        '--cap-drop',
        'ALL',
        '-p',
        `127.0.0.1:${at}:8080`,
        'modelflow-bench-hand',
      ];
      const next = await ran('docker', args, { env: direct });
      await untilReady(`http://127.0.0.1:${at}`);
      if (before !== undefined) await ran('sh', ['-c', `docker stop ${before} && docker rm ${before}`], { env: direct });
      before = next;
    },
    travelled: sinceLast(() => ({ 'to the engine': road.sentBytes })),
    async remove() {
      if (before !== undefined) await ran('docker', ['rm', '-f', before], { env: direct });
      await ran('docker', ['rmi', '-f', 'modelflow-bench-hand'], { env: direct });
      await road.cut();
      rmSync(context, { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** `docker build`, `docker push`, `kubectl set image`, `kubectl rollout status`. */
export async function kubernetesPlace({ kubeconfig, registry, kubectl: program }: TestCluster, engine: string): Promise<Place> {
  const [host = '', port] = registry.split(':');
  // Images are pushed by a road that counts; the node pulls from the registry itself, which writes down what it gave.
  const road: Road = await roadTo({ host, port: Number(port) });
  const counted = `127.0.0.1:${'port' in road.at ? road.at.port : 0}`;
  const namespace = `bench-${counted.split(':')[1]}`;
  const env = { KUBECONFIG: kubeconfig, DOCKER_HOST: engine };
  const kubectl = (...args: string[]): Promise<string> => ran(program, ['-n', namespace, ...args], { env });
  await ran(program, ['create', 'namespace', namespace], { env });
  let context = '';
  const tag = (add: number): string => `${registry}/${namespace}/hand:${add}`;
  return {
    name: 'kubernetes',
    config: pipeline(
      image,
      `kubernetes({ namespace: '${namespace}', repository: '${counted}/${namespace}', replicas: 1, router: { replicas: 1 }, probes: { periodSeconds: 1 } })`,
    ),
    env,
    hand: 'docker build, push, kubectl set image, rollout status',
    async prepare(released) {
      context = contextFor(await loadImage(released, env));
      await buildByHand(context, tag(0), 0, env);
      await ran('docker', ['push', '-q', tag(0)], { env });
      await ran(program, ['-n', namespace, 'apply', '-f', '-'], { env, input: JSON.stringify(deployment(tag(0))) });
      await kubectl('rollout', 'status', 'deployment/hand');
    },
    async byHand(add) {
      await buildByHand(context, tag(add), add, env);
      await ran('docker', ['push', '-q', tag(add)], { env });
      await kubectl('set', 'image', 'deployment/hand', `hand=${tag(add)}`);
      await kubectl('rollout', 'status', 'deployment/hand');
    },
    travelled: sinceLast(() => ({ 'to the registry': road.sentBytes, 'to the node': pulledBytes(`${namespace}/bench`) })),
    async remove() {
      await ran(program, ['delete', 'namespace', namespace, '--wait=false'], { env });
      await road.cut();
      rmSync(context, { recursive: true, force: true });
    },
  };
}

/** With the same guard against lost requests as ours has: a pod goes on for a while after it is told to stop. */
function deployment(image: string): unknown {
  const container = {
    name: 'hand',
    image,
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/v2/health/ready', port: 8080 }, periodSeconds: 1 },
    lifecycle: { preStop: { sleep: { seconds: 5 } } },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'hand' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'hand' } },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels: { app: 'hand' } }, spec: { containers: [container] } },
    },
  };
}

/** What the registry of test/infra gave to nodes out of one repository. */
function pulledBytes(repository: string): number {
  const log = readFileSync(join(tmpdir(), 'modelflow-cluster', 'logs', 'registry'), 'utf8');
  const given = log.matchAll(new RegExp(`"GET /v2/${repository}/\\S+ HTTP/1.1" 200 (\\d+) "" "containerd`, 'g'));
  return [...given].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

function sinceLast(total: () => Readonly<Record<string, number>>): Place['travelled'] {
  let last: Readonly<Record<string, number>> = {};
  return () => {
    const before = last;
    last = total();
    return Object.fromEntries(Object.entries(last).map(([name, bytes]) => [name, bytes - (before[name] ?? 0)]));
  };
}

export function folderOf(place: Place, firstModel: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-bench-'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'deploy.config.ts'), place.config);
  writeFileSync(join(folder, 'model.onnx'), adds(firstModel));
  return folder;
}
