// How long does an image take, how large is it, and what does another model cost? `npm run build`, then `node test/bench/image/bench.ts`.
// Beside it, in the same run: a Dockerfile as one would write it by hand, on the same base, where a Docker engine can be reached. It needs
// nothing from a network, for both start from the same files.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { onnxModel } from '../../serve/onnx-model.ts';
import { testDocker } from '../../support/engines.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const cli = join(root, 'dist', 'core', 'cli', 'bin.js');
const folder = mkdtempSync(join(tmpdir(), 'modelflow-bench-'));
const cache = join(folder, 'cache');
const model = join(folder, 'model.onnx');
const config = `import { definePipeline } from 'modelflow';
import { bundle, containerize, onnxModel } from 'modelflow/stages';
const made = (name: string) => containerize({ model: bundle({ model: onnxModel({ path: './model.onnx' }), name }), name: 'modelflow-bench/digits' });
export default definePipeline({ name: 'bench', profiles: ['one', 'two'], build: ({ profile }) => ({ image: made(profile) }) });
`;

interface Layer {
  readonly role: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

interface Image {
  readonly sizeBytes: number;
  readonly unpackedBytes: number;
  readonly layers: readonly Layer[];
}

function timed(act: () => void): number {
  const began = performance.now();
  act();
  return (performance.now() - began) / 1000;
}

function run(profile: string): void {
  const { status, stderr } = spawnSync(process.execPath, [cli, 'run', '--profile', profile], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, MODELFLOW_CACHE: cache },
  });
  if (status !== 0) throw new Error(stderr);
}

/** Every artifact that is an image, the newest last. */
function images(): readonly Image[] {
  const store = join(folder, '.modelflow', 'artifacts');
  const manifests = readdirSync(store, { recursive: true, encoding: 'utf8' }).filter((path) => /^..\/[^/]+\/manifest\.json$/.test(path));
  return manifests
    .sort((a, b) => statSync(join(store, a)).mtimeMs - statSync(join(store, b)).mtimeMs)
    .map((path) => JSON.parse(readFileSync(join(store, path), 'utf8')) as { readonly kind: string; readonly facts: Image })
    .filter(({ kind }) => kind === 'oci-image')
    .map(({ facts }) => facts);
}

/** 8 MB of noise as weights, which is what trained ones look like to a compressor. */
function weights(): Uint8Array {
  const [rows, columns] = [1024, 2048];
  const data = Float32Array.from({ length: rows * columns }, (_, at) => Math.sin(at * 12.9898) * 0.05);
  return onnxModel({
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', rows] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', columns] }],
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [{ name: 'w', dtype: 'float32', shape: [rows, columns], data }],
  });
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

try {
  writeFileSync(join(folder, 'deploy.config.ts'), config);
  writeFileSync(model, weights());
  const cold = timed(() => run('one'));
  const warm = timed(() => run('two'));
  const [first, second] = images();
  if (first === undefined || second === undefined) throw new Error('no image was made');
  const known = new Set(first.layers.map(({ digest }) => digest));
  const updateBytes = second.layers.filter(({ digest }) => !known.has(digest)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  console.log(`modelflow, nothing remembered     ${cold.toFixed(1)} s, ${mb(first.sizeBytes)} to pull, ${mb(first.unpackedBytes)} on disk`);
  console.log(`modelflow, another model          ${warm.toFixed(1)} s, ${mb(updateBytes)} to pull`);
  for (const { role, sizeBytes } of first.layers) console.log(`  ${role.padEnd(8)} ${mb(sizeBytes)}`);
  const engine = testDocker();
  if (engine !== undefined) byHand(engine, { cold, warm, unpackedBytes: first.unpackedBytes });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** node_modules as npm installs them for a server of this kind, and a COPY for each part. */
function byHand(engine: string, ours: { readonly cold: number; readonly warm: number; readonly unpackedBytes: number }): void {
  const context = join(folder, 'by-hand');
  const docker = (...args: readonly string[]): string =>
    execFileSync('docker', args, {
      cwd: context,
      encoding: 'utf8',
      env: { ...process.env, DOCKER_HOST: engine },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  mkdirSync(join(context, 'base', 'lib64'), { recursive: true });
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).match(/\/\S+\.so\S*/g) ?? [];
  copyFileSync(process.execPath, join(context, 'base', 'node'));
  for (const library of libraries) copyFileSync(library, join(context, 'base', 'lib64', basename(library)));
  for (const name of ['onnxruntime-node', 'onnxruntime-common', 'zod', 'prom-client', 'busboy', 'sharp', '@img']) {
    cpSync(join(root, 'node_modules', name), join(context, 'node_modules', name), { recursive: true, dereference: true });
  }
  cpSync(join(root, 'dist', 'image'), join(context, 'server'), { recursive: true });
  cpSync(model, join(context, 'model.onnx'));
  const lines = ['FROM scratch', 'COPY base /', 'COPY node_modules /app/node_modules', 'COPY server /app', 'COPY model.onnx /model/'];
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\nENTRYPOINT ["/node", "/app/server.js"]\n`);
  const name = 'modelflow-bench/by-hand';
  const cold = timed(() => docker('build', '--no-cache', '-q', '-t', name, '.'));
  writeFileSync(join(context, 'model.onnx'), Buffer.concat([readFileSync(model), Buffer.from('\n')]));
  const warm = timed(() => docker('build', '-q', '-t', name, '.'));
  const bytes = Number(docker('image', 'inspect', '--format', '{{.Size}}', name));
  docker('rmi', '--force', name);
  console.log(`docker build by hand, no cache    ${cold.toFixed(1)} s, ${mb(bytes)} on disk`);
  console.log(`docker build by hand, another     ${warm.toFixed(1)} s`);
  console.log(
    `by hand / modelflow: ${(bytes / ours.unpackedBytes).toFixed(1)} × the size, ${(cold / ours.cold).toFixed(1)} × the time, ${(warm / ours.warm).toFixed(1)} × for another model`,
  );
  console.log('Without compression, which a push by Docker does afterwards; modelflow has done it.');
}
