import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { onnxModel } from '../serve/onnx-model.ts';
import { ownStages } from '../support/own-stages.ts';
import { filesBelow, makeRig, type Rig } from '../support/rig.ts';
import { pythonPlace, temporaryFolder, wheelOf, writeLock } from '../world/kit.ts';
import { processesIn, untilNone } from './processes.ts';

/** Writes half of its output, leaves a child behind that writes more of it once it may, and ends when it may. */
const halfAndLate = `
echo part > "$1/out.txt"
( while [ ! -e late ]; do sleep 0.02; done; echo late >> "$1/out.txt"; echo late >> wrote-late.txt ) &
while [ ! -e go ]; do echo waiting >> started.txt; sleep 0.02; done
echo done >> "$1/out.txt"
`;

const program = `
  const shell = stage('shell', async ({ out, process }) => {
    const { exitCode } = await process.run({ command: 'sh', args: ['half-and-late.sh', out] });
    return { exitCode };
  });
  return { made: shell({}) };`;

/** The same in the stage's own JavaScript, which starts the child behind modelflow's back. */
const ownProcess = `
  const own = stage('own', async ({ out }) => {
    const { spawn } = await import('node:child_process');
    const child = spawn('sh', ['half-and-late.sh', out], { stdio: 'ignore' });
    const exitCode = await new Promise((resolve) => child.on('exit', resolve));
    return { exitCode };
  });
  return { made: own({}) };`;

const bridge = `
import json, subprocess, sys
request = json.loads(sys.stdin.readline())
code = subprocess.run(["/bin/sh", "half-and-late.sh", request["out"]]).returncode
print(json.dumps({"ok": {"exitCode": code}}))
`;

const python = (lock: URL, script: URL): string => `
  const bridged = stage('bridged', async ({ out, python }) =>
    await python.call({ environment: { name: 'tiny', lock: new URL('${lock}') }, script: new URL('${script}'), request: { out } }));
  return { made: bridged({}) };`;

/** Killed in the middle of the stage and run again at once: the case in which other tools store the mixed output of both as good. */
async function killAndRunAtOnce(rig: Rig, env: Readonly<Record<string, string>> = {}): Promise<void> {
  rig.write('half-and-late.sh', halfAndLate);
  const run = rig.start(['run'], { env });
  await untilWritten(rig, 'started.txt', run.finished);
  run.child.kill('SIGKILL');
  rig.write('go', '');
  const again = await rig.start(['run'], { env }).finished;
  expect(again.code, again.stderr).toBe(0);
  // Whoever is left of the first run may write now.
  rig.write('late', '');
  await untilNone(() => processesIn(rig.root));
  expect(rig.exists('wrote-late.txt')).toBe(false);
  const kept = filesBelow(rig.path('.modelflow/artifacts')).filter((path) => path.endsWith('out.txt'));
  expect(kept.map((path) => readFileSync(rig.path(join('.modelflow/artifacts', path)), 'utf8'))).toEqual(['part\ndone\n']);
  expect((await rig.run('cache', 'verify')).code).toBe(0);
}

async function untilWritten(rig: Rig, name: string, ended: Promise<{ readonly stderr: string }>): Promise<void> {
  let end: { readonly stderr: string } | undefined;
  void ended.then((each) => {
    end = each;
  });
  while (!rig.exists(name)) {
    if (end) throw new Error(`ended before it wrote ${name}: ${end.stderr}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a run that is killed in the middle of a stage and begun again at once', () => {
  it('stores what the second run made and nothing of the first, when the stage runs a program', async () => {
    await killAndRunAtOnce(ownStages(program));
  });

  it('stores what the second run made and nothing of the first, when the stage starts a process by itself', async () => {
    await killAndRunAtOnce(ownStages(ownProcess));
  });

  it('stores what the second run made and nothing of the first, when the stage calls Python', { timeout: 300_000 }, async () => {
    const folder = temporaryFolder();
    const wheel = wheelOf('tiny', 'answer = 42\n');
    mkdirSync(join(folder, 'wheels'));
    writeFileSync(join(folder, 'wheels', wheel.file), wheel.bytes);
    writeFileSync(join(folder, 'bridge.py'), bridge);
    const place = await pythonPlace(folder);
    const env = { ...place.env, PATH: `${place.bin}:/usr/bin:/bin`, PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(folder, 'wheels') };
    const build = python(writeLock(folder, wheel.lock), pathToFileURL(join(folder, 'bridge.py')));
    await killAndRunAtOnce(ownStages(build), { ...env, MODELFLOW_CACHE: join(folder, 'cache') });
  });
});

const value = (name: string) => ({ name, dtype: 'float32' as const, shape: ['N', 1] });
const adder = onnxModel({
  inputs: [value('x')],
  outputs: [value('y')],
  nodes: [{ op: 'Add', inputs: ['x', 'b'], outputs: ['y'] }],
  initializers: [{ name: 'b', dtype: 'float32', shape: [1], data: Float32Array.of(1) }],
});

const serviceConfig = (port: number): string => `
import { definePipeline } from 'modelflow';
import { bundle, deploy, local, onnxModel } from 'modelflow/stages';
export default definePipeline({ name: 'adder', build: () => {
  const release = bundle({ model: onnxModel({ path: './model.onnx' }) });
  return { release, service: deploy({ what: release, service: 'adder', target: local({ port: ${port} }) }) };
} });
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

describe('a local deployment that is killed', () => {
  it('at any moment and begun again at once ends as one service with one release', { timeout: 600_000 }, async () => {
    for (const waitMs of [200, 500, 800, 1_000, 1_200, 1_400]) {
      const port = await freePort();
      const rig = makeRig({ 'model.onnx': adder, 'deploy.config.ts': serviceConfig(port) });
      const run = rig.start(['run']);
      const timer = setTimeout(() => run.child.kill('SIGKILL'), waitMs);
      await run.finished;
      clearTimeout(timer);
      const again = await rig.run('run');
      expect(again.code, `killed after ${waitMs} ms: ${again.stderr}`).toBe(0);
      const answer = await fetch(`http://127.0.0.1:${port}/predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: '{"input": [1]}',
      });
      expect(await answer.json()).toMatchObject({ output: [2] });
      const { live } = JSON.parse((await rig.run('status', '--json')).stdout).services[0];
      expect(live.revisions, `killed after ${waitMs} ms`).toMatchObject([{ health: 'ready', weight: 100 }]);
      const journals = filesBelow(rig.root).filter((path) => path.endsWith('journal.ndjson'));
      expect(journals.flatMap((path) => rig.read(path).match(/"type":"released"/g) ?? []).length, `killed after ${waitMs} ms`).toBe(1);
      expect(processesIn(rig.root).filter((command) => command.includes('supervisor')).length, `killed after ${waitMs} ms`).toBe(1);
      expect((await rig.run('down')).code).toBe(0);
      await untilNone(() => processesIn(rig.root));
    }
  });
});
