import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Finished,
  freePort,
  type Installed,
  install,
  installedIn,
  oldNode,
  type Packed,
  pack,
  temporaryFolder,
  write,
} from './installed.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = temporaryFolder();
const project = join(folder, 'project');
let packed: Packed;
let installed: Installed;

beforeAll(async () => {
  write(project, {});
  write(folder, { 'project/.keep': '', 'old/.keep': '' });
  packed = await pack(folder);
  await install(project, packed.path, 'node@24');
  installed = installedIn(project, join(folder, 'cache'));
});

afterAll(async () => {
  // Services must not outlive the test that failed.
  await installed?.run(project, 'modelflow', 'down').catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
});

const modelflow = (...args: readonly string[]): Promise<Finished> => installed.run(project, 'modelflow', ...args);

describe('the tarball', () => {
  it('holds what runs, what types it, and what is read: nothing else', () => {
    const known = [
      /^dist\/(core|stages)\/[\w/-]+\.(js|d\.ts)$/,
      /^dist\/bundle\/([\w-]+\.js|licences\.txt)$/,
      /^dist\/(core|stages)\/[\w/-]+\.(py|lock)$/,
      // What images are packed from: programs that carry their packages with them.
      /^dist\/image\/(server|worker|health|router)\.js$/,
      /^dist\/image\/(package\.json|licences\.txt)$/,
      /^templates\/init\/(keras|onnx|sample)\/[\w.]+$/,
      /^templates\/ci\/github\/[\w.]+$/,
      /^(LICENSE|README\.md|package\.json)$/,
    ];
    expect(packed.files.filter((path) => !known.some((pattern) => pattern.test(path)))).toEqual([]);
    expect(packed.files).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'dist/core/cli/bin.js',
        'dist/core/index.d.ts',
        'dist/core/serve/index.d.ts',
        'dist/core/serve/main.js',
        'dist/core/serve/worker.js',
        'dist/core/world/uv.lock',
        'dist/stages/deploy/local/supervisor-main.js',
        'dist/stages/export/tensorflow.lock',
        'dist/stages/export/tf2onnx_bridge.py',
        'dist/stages/index.d.ts',
        'dist/stages/lib/bridge.py',
        'dist/stages/quantize/onnx.lock',
        'dist/stages/quantize/quantize_bridge.py',
        'templates/init/onnx/deploy.config.ts.template',
        'templates/init/sample/iris.onnx',
      ]),
    );
  });

  it('holds every script and lock that lies beside the sources', () => {
    const beside = ['core', 'stages'].flatMap((top) =>
      readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.(py|lock)$/.test(path))
        .map((path) => `dist/${top}/${path}`),
    );
    expect(beside.length).toBeGreaterThan(5);
    expect(packed.files).toEqual(expect.arrayContaining(beside));
  });

  it('names no folder of the machine that packed it', () => {
    const places = [root, ...(homedir() === '/' ? [] : [`${homedir()}/`]), `${tmpdir()}/`];
    const texts = packed.files.filter((path) => !path.endsWith('.onnx'));
    const found = texts.flatMap((path) => {
      const text = readFileSync(join(project, 'node_modules', 'modelflow', path), 'utf8');
      return places.filter((place) => text.includes(place)).map((place) => `${path}: ${place}`);
    });
    expect(found).toEqual([]);
  });

  it('stays small', () => {
    expect(packed.sizeBytes).toBeLessThan(1_150_000);
  });
});

describe('installed in an empty folder beside node@24', () => {
  it('runs on the Node of the folder', async () => {
    const { version } = JSON.parse(readFileSync(join(project, 'node_modules/modelflow/package.json'), 'utf8')) as { version: string };
    expect(await installed.npx('modelflow', '--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
    expect((await modelflow('doctor')).stdout).toMatch(/on Node 24\./);
  });

  it('goes from init to a live service and back, and does nothing twice', async () => {
    expect((await modelflow('init')).stdout).toContain('iris.onnx');
    const port = await freePort();
    const config = join(project, 'deploy.config.ts');
    writeFileSync(config, readFileSync(config, 'utf8').replace('port: 8080', `port: ${port}`));

    expect((await modelflow('check')).code).toBe(0);
    const plan = await modelflow('plan', '--json');
    expect(plan.code, plan.stderr).toBe(0);
    const first = await modelflow('run', '--json');
    expect(first.code, first.stderr).toBe(0);
    expect(typesOf(first.stdout)).toContain('node-finished');

    const response = await fetch(`http://127.0.0.1:${port}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"input":[5.1,3.5,1.4,0.2]}',
    });
    expect(await response.json()).toMatchObject({ label: 'setosa' });

    const second = await modelflow('run', '--json');
    expect(second.code, second.stderr).toBe(0);
    expect(typesOf(second.stdout)).not.toContain('node-started');
    expect(typesOf(second.stdout)).toContain('node-reused');
    expect((await modelflow('status')).stdout).toContain(`http://127.0.0.1:${port}`);
    expect((await modelflow('cache', 'verify')).code).toBe(0);

    expect((await modelflow('down')).code).toBe(0);
    await expect(fetch(`http://127.0.0.1:${port}/v2/health/live`)).rejects.toThrow();
  });

  it('holds a stage to its contract under the test runner of Node', async () => {
    const suite = `
      import { test } from 'node:test';
      import { defineArtifact, defineStage, z } from 'modelflow';
      import { fixture, stageSuite } from 'modelflow/testing';
      const Text = defineArtifact('text', z.object({ length: z.number() }));
      let count = 0;
      const stage = (name, facts) => defineStage({ name, version: 1, inputs: { text: Text }, options: {}, output: Text, run: async () => facts() });
      const text = fixture(Text, { length: 3 }, { 'a.txt': 'abc' });
      const cases = { good: () => stage('good', () => ({ length: 1 }))({ text }), bad: () => stage('bad', () => ({ length: count++ }))({ text }) };
      for (const { name, run } of stageSuite(cases)) test(name, run);`;
    write(project, { 'stage.test.mjs': suite });
    const { code, stdout } = await installed.run(project, 'node', '--test', '--test-reporter=tap', 'stage.test.mjs');
    expect(code).toBe(1);
    expect(stdout.match(/^ *not ok .*/gm)).toEqual([expect.stringContaining('bad: makes the same bytes and facts')]);
    expect(stdout).toMatch(/# pass 9\n/);
  });

  it('says in one line what it needs under Node 20', async () => {
    const old = await oldNode(join(folder, 'old'));
    const run = await installed.runWith(old, 'plan');
    expect(run.code).toBe(2);
    expect(run.stdout).toBe('');
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
    expect(run.stderr).toMatch(/MF1204.*22\.19.*24.*this is Node (1\d|2[01])\./);
  });
});

function typesOf(ndjson: string): readonly string[] {
  return ndjson
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly type: string }).type);
}

const typed = `
import { atLeast, defineArtifact, definePipeline, defineStage, file, z } from 'modelflow';
import { type Processing, preprocess } from 'modelflow/serve';
import { dataset, evaluate, onnxModel } from 'modelflow/stages';

const Text = defineArtifact('text', z.object({ length: z.number() }));
const count = defineStage({
  name: 'acme/count', version: 1, inputs: {}, options: { path: file() }, output: Text,
  run: async ({ options }) => ({ length: options.path.path.length }),
});
const processing: Processing = { input: { scale: 2 }, output: { activation: 'none' } };
preprocess(processing, { name: 'x', dtype: 'float32', shape: [null, 1] }, { dtype: 'float32', shape: [1, 1], data: new Float32Array(1) });

export default definePipeline({
  name: 'typed',
  build: () => {
    const report = evaluate({ model: onnxModel({ path: './a.onnx' }), data: dataset({ path: './a.csv' }) });
    atLeast(report, 'accuracy', 0.9);
    return { report, text: count({ path: './a.csv' }) };
  },
});
`;

describe('the types of the installed package', () => {
  const compile = (file: string, module: string, resolution: string): Promise<Finished> =>
    installed.run(
      project,
      'tsc',
      ...['--noEmit', '--strict', '--target', 'es2023', '--types', 'node', '--skipLibCheck', 'false'],
      ...['--module', module, '--moduleResolution', resolution, '--ignoreConfig', file],
    );

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('serve a project with module %s and resolution %s', async (module, resolution) => {
    write(project, { 'typed.mts': typed, 'mistyped.mts': typed.replace("model: onnxModel({ path: './a.onnx' })", 'model: 1') });
    expect(await compile('typed.mts', module, resolution)).toMatchObject({ code: 0, stdout: '' });
    const wrong = await compile('mistyped.mts', module, resolution);
    expect(wrong.code).not.toBe(0);
    expect(wrong.stdout).toContain('mistyped.mts(17,');
  });
});

const pythonRepository = {
  'train.py': 'print("trained")\n',
  'requirements.txt': 'keras\n',
  'deploy.config.ts': `import { definePipeline } from 'modelflow';
import { source } from './deploy/stages';
import { Size, type Words } from './deploy/settings.ts';

enum Name { only = 'words' }
const words: Words = { count: Size.small };

export default definePipeline({ name: 'python', build: () => ({ [Name.only]: source({ path: './train.py', count: words.count }) }) });
`,
  'deploy/settings.ts': 'export enum Size { small = 1, large = 2 }\nexport interface Words { readonly count: number }\n',
  'deploy/stages.ts': `import { defineArtifact, defineStage, file, z } from 'modelflow';
export const source = defineStage({
  name: 'source', version: 1, inputs: {}, options: { path: file(), count: z.int() }, output: defineArtifact('text', z.object({ count: z.int() })),
  run: async ({ options }) => ({ count: options.count }),
});
`,
};

describe('in a Python repository', () => {
  it.each([
    ['without a package.json', {}],
    ['with a package.json that says nothing of modules', { 'package.json': '{ "name": "site" }' }],
    ['with "type": "commonjs"', { 'package.json': '{ "type": "commonjs" }' }],
    ['with another zod in its node_modules', { 'node_modules/zod/package.json': '{ "name": "zod", "version": "3.0.0" }' }],
  ])('%s the configuration is planned, checked and run', async (name, more) => {
    const repository = join(folder, name.replaceAll(/\W+/g, '-'));
    write(repository, { ...pythonRepository, ...more });
    const plan = await installed.run(repository, 'modelflow', 'plan', '--json');
    expect(plan.stderr).toBe('');
    expect(JSON.parse(plan.stdout)).toMatchObject({ pipeline: 'python', steps: [{ node: 'words', do: 'run' }] });
    expect(await installed.run(join(repository, 'deploy'), 'modelflow', 'check')).toMatchObject({ code: 0 });
    expect(await installed.run(repository, 'modelflow', 'run')).toMatchObject({ code: 0 });
    expect((await installed.run(repository, 'modelflow', 'plan', '--detailed-exitcode')).code).toBe(0);
  });
});
