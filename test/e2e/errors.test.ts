import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { linear } from '../serve/example-models.ts';
import { onnxModel } from '../serve/onnx-model.ts';
import { type Finished, filesBelow, makeRig, type Rig, stagesModule } from '../support/rig.ts';

const config = (build: string): string => `
import { definePipeline } from 'modelflow';
import { bundle, dataset, deploy, kerasModel, local, onnxModel, quantize, toOnnx, verify } from 'modelflow/stages';
import { source, upper } from './stages';
export default definePipeline({ name: 'errors', build: () => { ${build} } });
`;

const rigWith = (build: string, files: Readonly<Record<string, string | Uint8Array>> = {}): Rig =>
  makeRig({ 'stages.ts': stagesModule, 'a.txt': 'hello\n', 'deploy.config.ts': config(build), ...files });

/** Code, exit code, and words that the message and the hint must hold; and the store must be whole afterwards. */
async function expectFailure(rig: Rig, run: Finished, code: string, exit: number, words: readonly (string | RegExp)[]): Promise<void> {
  expect(run.stderr).toContain(code);
  expect(run.code, run.stderr).toBe(exit);
  for (const word of words) expect(run.stderr).toMatch(word);
  expect(run.stderr).not.toContain('MF9001');
  if (rig.exists('.modelflow')) {
    expect((await rig.run('cache', 'verify')).stdout, 'the store is whole').toMatch(/, 0 damaged|artifacts, (\d+) whole/);
    expect(filesBelow(rig.path('.modelflow/work'))).toEqual([]);
  }
}

describe('an error in the configuration', () => {
  it('no configuration: says where it looked and what to do', async () => {
    const rig = makeRig();
    await expectFailure(rig, await rig.run('plan'), 'MF1001', 2, [/deploy\.config\.ts/, /modelflow init/]);
  });

  it('a configuration that throws: the place and the code around it', async () => {
    const rig = makeRig({ 'deploy.config.ts': 'enum Odd { A = 1 }\nconst x: number = Odd.A;\nthrow new Error("no luck " + x);\n' });
    await expectFailure(rig, await rig.run('plan'), 'MF1002', 2, [/no luck 1/, /deploy\.config\.ts:3:7/, /throw new Error/]);
  });

  it('a wrong type: what was expected and what came', async () => {
    const rig = rigWith("return { big: upper({ text: source({ path: './a.txt' }), suffix: 3 as never }) };");
    await expectFailure(rig, await rig.run('plan'), 'MF1101', 2, [/`suffix`/, /\b3\b/, /string/, /deploy\.config\.ts:5:/]);
  });

  it('an unknown key: the nearest name', async () => {
    const rig = rigWith("return { big: upper({ text: source({ path: './a.txt' }), sufix: 'x' } as never) };");
    await expectFailure(rig, await rig.run('plan'), 'MF1102', 2, [/`sufix`/, /Did you mean `suffix`/]);
  });

  it('the wrong kind of artifact: what came and what fits', async () => {
    const rig = rigWith("return { onnx: toOnnx({ model: source({ path: './a.txt' }) as never }) };");
    await expectFailure(rig, await rig.run('plan'), 'MF1103', 2, [/text/, /keras-model/]);
  });

  it('an unknown profile, stage, option and command: the nearest name', async () => {
    const rig = rigWith("return { big: upper({ text: source({ path: './a.txt' }) }) };");
    await expectFailure(rig, await rig.run('plan', '--profile', 'defualt'), 'MF1106', 2, [/Did you mean `default`/]);
    await expectFailure(rig, await rig.run('run', '--only', 'bgi'), 'MF1202', 2, [/Did you mean `big`/]);
    await expectFailure(rig, await rig.run('run', '--onyl', 'big'), 'MF1201', 2, [/--only/]);
    await expectFailure(rig, await rig.run('pln'), 'MF1201', 2, [/plan/]);
  });

  it('type errors: `check` shows their place and exits with 2', async () => {
    const rig = rigWith("return { big: upper({ text: source({ path: './a.txt' }), suffix: 3 }) };");
    await expectFailure(rig, await rig.run('check'), 'MF1203', 2, [/deploy\.config\.ts:5:/, /string/]);
    const right = rigWith("return { big: upper({ text: source({ path: './a.txt' }), suffix: '3' }) };");
    expect((await right.run('check')).code).toBe(0);
  });

  it('a missing model file: the path as it was written, and the place', async () => {
    const rig = rigWith("return { model: onnxModel({ path: './modle.onnx' }) };");
    for (const command of ['plan', 'run'])
      await expectFailure(rig, await rig.run(command), 'MF1107', 2, [/\.\/modle\.onnx/, /deploy\.config\.ts:5:/]);
  });
});

describe('an error in a run', () => {
  it.each([
    ['kerasModel', 'model.keras', '<html><body>404</body></html>', /HTML/],
    ['kerasModel', 'model.keras', '', /empty/],
    ['kerasModel', 'model.h5', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', /[Ll][Ff][Ss]/],
    ['onnxModel', 'model.onnx', 'this is no model at all, only some text that goes on for a while', /model\.onnx|ONNX/],
  ])('%s of %s that is no model: says what it looks like', async (stage, name, content, looks) => {
    const rig = rigWith(`return { model: ${stage}({ path: './${name}' }) };`, { [name]: content });
    await expectFailure(rig, await rig.run('run'), 'MF3101', 1, [looks]);
  });

  const servers: { close(): void }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  it('a full disk: says so, stores nothing by halves, and goes on when there is room', async (context) => {
    const rig = makeRig({
      'stages.ts': stagesModule,
      'a.txt': 'hello\n',
      'deploy.config.ts': config("const text = source({ path: './a.txt' }); return { text, big: upper({ text }) };"),
    });
    rig.write('disk/x', '');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', rig.path('disk')], { stdio: 'pipe' });
    } catch (error) {
      context.skip(`a file system of 16 MB cannot be mounted here: ${error instanceof Error ? error.message : error}`);
    }
    try {
      const env = { MODELFLOW_STORE: rig.path('disk') };
      expect((await rig.start(['run', '--only', 'text'], { env }).finished).code).toBe(0);
      rig.write(
        'stages.ts',
        stagesModule.replace(
          "writeFileSync(join(out, 'text.txt'), text);\n    return facts(text);\n  },\n});\n\nexport const first",
          "if (!existsSync(process.env.ROOM ?? '/-')) writeFileSync(join(out, 'big.bin'), new Uint8Array(40_000_000));\n    writeFileSync(join(out, 'text.txt'), text);\n    return facts(text);\n  },\n});\n\nexport const first",
        ),
      );
      const full = await rig.start(['run'], { env }).finished;
      expect(full.stderr).toContain('MF6002');
      expect(full.stderr).toContain('Make room');
      expect(full.code).toBe(1);
      expect(filesBelow(rig.path('disk/work'))).toEqual([]);
      expect((await rig.start(['cache', 'verify'], { env }).finished).code).toBe(0);
      expect((await rig.start(['run'], { env: { ...env, ROOM: rig.root } }).finished).code).toBe(0);
    } finally {
      execFileSync('umount', [rig.path('disk')]);
    }
  });

  it('a store that cannot be written: says which', async () => {
    const rig = rigWith("return { text: source({ path: './a.txt' }) };", { store: 'a file where a folder should be' });
    const run = await rig.start(['run'], { env: { MODELFLOW_STORE: rig.path('store') } }).finished;
    expect(run.stderr).toContain('MF6003');
    expect(run.code).toBe(8);
  });

  it('a store of a newer modelflow is not touched', async () => {
    const rig = rigWith("return { text: source({ path: './a.txt' }) };", { '.modelflow/format.json': '{"format":99}' });
    const before = filesBelow(rig.root);
    const run = await rig.run('run');
    expect(run.stderr).toContain('MF6004');
    expect(run.code).toBe(2);
    expect(filesBelow(rig.root)).toEqual(before);
  });

  it('a port in use: says by whom', async () => {
    const server = createServer();
    servers.push(server);
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
    const rig = rigWith(
      `return { live: deploy({ what: bundle({ model: onnxModel({ path: './m.onnx' }) }), service: 'taken', target: local({ port: ${port} }) }) };`,
      { 'm.onnx': onnxModel(linear()) },
    );
    await expectFailure(rig, await rig.run('run'), 'MF5003', 1, [new RegExp(String(port)), new RegExp(String(process.pid))]);
  });

  it('an old Node: one line that says what is needed', async (context) => {
    const old = oldNode();
    if (old === undefined) return context.skip('no Node older than 22 on this machine');
    const rig = makeRig();
    const run = await rig.start(['--version'], { node: old }).finished;
    expect(run.code).toBe(2);
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
    expect(run.stderr).toMatch(/MF1204.*22\.19.*24.*npm install/);
  });

  it('no Python: names what is needed and how to name one', async () => {
    const rig = rigWith("return { onnx: toOnnx({ model: kerasModel({ path: './digits.keras' }) }) };", {
      'digits.keras': readFileSync('examples/digits/digits.keras'),
    });
    const env = { PATH: rig.path('nothing'), MODELFLOW_PYTHON: '', PYENV_ROOT: '', MODELFLOW_CACHE: rig.path('cache') };
    const run = await rig.start(['run'], { env }).finished;
    await expectFailure(rig, run, 'MF3201', 8, [/3\.11/, /MODELFLOW_PYTHON/]);
  });
});

function oldNode(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .find((path) => {
      if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false;
      return Number.parseInt(execFileSync(path, ['--version'], { encoding: 'utf8' }).slice(1), 10) < 22;
    });
}
