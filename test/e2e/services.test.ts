import { describe, expect, it } from 'vitest';
import { freePort } from '../remote/servers.ts';
import { adds } from '../support/adder.ts';
import { makeRig, type Rig } from '../support/rig.ts';

const config = (port: number): string => `
import { definePipeline } from 'modelflow';
import { bundle, deploy, local, monitor, onnxModel } from 'modelflow/stages';
export default definePipeline({ name: 'adder', build: () => {
  const release = bundle({ model: onnxModel({ path: './model.onnx' }) });
  const service = deploy({ what: release, service: 'adder', target: local({ port: ${port} }) });
  return { release, service, watch: monitor({ service }) };
} });
`;

interface Service extends Rig {
  readonly port: number;
  /** What the live service makes of 1. */
  answer(): Promise<number>;
  revisions(): Promise<readonly { readonly id: string; readonly health: string; readonly stamp: string }[]>;
}

async function serviceRig(): Promise<Service> {
  const port = await freePort();
  const rig = makeRig({ 'model.onnx': adds(1), 'deploy.config.ts': config(port) });
  return {
    ...rig,
    port,
    async answer() {
      const response = await fetch(`http://127.0.0.1:${port}/predict`, {
        method: 'POST',
        // A connection that is kept open may get one last answer from the release that is being drained.
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: '{"input": [1]}',
      });
      return ((await response.json()) as { output: number[] }).output[0] ?? Number.NaN;
    },
    revisions: async () => JSON.parse((await rig.run('status', '--json')).stdout).services[0].live.revisions,
  };
}

describe('a service on the local target', () => {
  it('is created, kept, replaced, rolled back, held, forced and taken down', async () => {
    const rig = await serviceRig();
    expect((await rig.run('plan')).stdout).toMatch(/adder on local will be created/);
    const first = await rig.run('run');
    expect(first.code, first.stderr).toBe(0);
    expect(await rig.answer()).toBe(2);

    const kept = await rig.run('plan', '--detailed-exitcode');
    expect(kept.code, kept.stdout).toBe(0);
    expect((await rig.run('run')).code).toBe(0);
    expect((await rig.revisions()).map((each) => each.id)).toEqual(['1']);

    rig.write('model.onnx', adds(10));
    await rig.run('run', '--only', 'release');
    const change = await rig.run('plan');
    expect(change.stdout).toMatch(/adder on local will be replaced/);
    expect(change.stdout).toMatch(/artifact/);
    expect((await rig.run('run')).code).toBe(0);
    expect(await rig.answer()).toBe(11);

    const back = await rig.run('rollback');
    expect(back.code, back.stderr).toBe(0);
    expect(back.stdout).toContain('adder serves release');
    expect(await rig.answer()).toBe(2);

    // The release that was rolled back is not deployed again by itself.
    expect((await rig.run('plan')).stdout).toMatch(/held|refused/);
    const held = await rig.run('run');
    expect(held.code).toBe(4);
    expect(held.stderr).toContain('MF5007');
    expect(await rig.answer()).toBe(2);

    const forced = await rig.run('run', '--force', 'service');
    expect(forced.code, forced.stderr).toBe(0);
    expect(await rig.answer()).toBe(11);
    expect((await rig.run('run')).code).toBe(0);

    expect((await rig.run('down')).stdout).toContain('adder is stopped');
    await expect(rig.answer()).rejects.toThrow();
    expect((await rig.run('plan')).stdout).toMatch(/adder on local will be created/);
    expect((await rig.run('run')).code).toBe(0);
    expect(await rig.answer()).toBe(11);
  });

  it('goes back to a release that is named, and says which there are when it is not known', async () => {
    const rig = await serviceRig();
    const stamps: string[] = [];
    for (const add of [1, 2, 3]) {
      rig.write('model.onnx', adds(add));
      expect((await rig.run('run')).code).toBe(0);
      stamps.push((await rig.revisions())[0]?.stamp ?? '');
    }
    const unknown = await rig.run('rollback', '--to', 'ffffffff');
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('MF5006');
    expect(unknown.stderr).toContain(stamps[0]?.slice(0, 12));
    expect(await rig.answer()).toBe(4);
    expect((await rig.run('rollback', '--to', stamps[0]?.slice(0, 12) ?? '')).code).toBe(0);
    expect(await rig.answer()).toBe(2);
  });

  it('tells clients its name, its version and that of modelflow', async () => {
    const rig = await serviceRig();
    await rig.run('run');
    const about = (await (await fetch(`http://127.0.0.1:${rig.port}/v2`)).json()) as { readonly version: string };
    expect(about.version).toBe((await rig.run('--version')).stdout.trim());
    const model = (await (await fetch(`http://127.0.0.1:${rig.port}/v2/models/adder`)).json()) as { readonly versions: readonly string[] };
    expect(model.versions).toEqual(['1']);
  });

  it('has nothing to go back to after the first release', async () => {
    const rig = await serviceRig();
    await rig.run('run');
    const back = await rig.run('rollback');
    expect(back.code).toBe(2);
    expect(back.stderr).toContain('MF5006');
    expect(await rig.answer()).toBe(2);
  });

  it('whose supervisor was killed is found out by the plan and brought back by the run', async () => {
    const rig = await serviceRig();
    await rig.run('run');
    const { pid } = JSON.parse(rig.read('.modelflow/services/adder/default/adder/supervisor.json'));
    process.kill(pid, 'SIGKILL');
    const plan = await rig.run('plan', '--detailed-exitcode');
    expect(plan.code, plan.stdout).toBe(10);
    expect((await rig.run('run')).code).toBe(0);
    expect(await rig.answer()).toBe(2);
  });

  it('is deployed once, however often the CLI is killed on the way', async () => {
    const rig = await serviceRig();
    let killed = 0;
    for (let waitMs = 100; waitMs < 3_000; waitMs += 60) {
      const run = rig.start(['run']);
      const timer = setTimeout(() => run.child.kill('SIGKILL'), waitMs);
      const end = await run.finished;
      clearTimeout(timer);
      if (end.signal !== 'SIGKILL') {
        expect(end.code, end.stderr).toBe(0);
        break;
      }
      killed++;
    }
    expect(killed).toBeGreaterThan(0);
    const last = await rig.run('run');
    expect(last.code, last.stderr).toBe(0);
    expect(await rig.answer()).toBe(2);
    expect(await rig.revisions()).toHaveLength(1);
    // Attempts that were killed before the switch were cancelled; only one release was ever live.
    expect((await rig.run('logs')).stdout.match(/takes the requests/g)).toHaveLength(1);
  });

  it('shows what it says with `logs`, and what a stage said', async () => {
    const rig = await serviceRig();
    await rig.run('run');
    expect((await rig.run('logs')).stdout).toMatch(/revision 1 takes the requests/);
    expect(
      (await rig.run('logs', 'adder', '--json', '-n', '1')).stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toHaveLength(1);
    expect((await rig.run('logs', 'watch')).stdout).toMatch(/error-rate/);
  });

  it('refuses to start on a model that the runtime cannot load, and the live release goes on', async () => {
    const rig = await serviceRig();
    await rig.run('run');
    rig.write('model.onnx', 'not a model');
    expect((await rig.run('run')).code).toBe(1);
    expect(await rig.answer()).toBe(2);
  });
});

describe('a service that the configuration names no more', () => {
  it('is told of by plan and status, and stopped by down', async () => {
    const rig = await serviceRig();
    expect((await rig.run('run')).code).toBe(0);
    rig.write('deploy.config.ts', config(rig.port).replace("service: 'adder'", "service: 'renamed'"));
    const clash = await rig.run('run');
    expect(clash.code).toBe(1);
    expect(clash.stderr).toContain("That is modelflow's service `adder`");
    rig.write('deploy.config.ts', config(await freePort()).replace("service: 'adder'", "service: 'renamed'"));
    const plan = await rig.run('plan');
    expect(plan.stderr).toContain('warning MF1110: `adder` still runs on local at ');
    const run = await rig.run('run');
    expect(run.code, run.stderr).toBe(0);
    expect(run.stderr).toContain('MF1110');
    expect(await rig.answer()).toBe(2);
    const status = await rig.run('status');
    expect(status.stdout).toContain('`modelflow down adder` stops it');
    expect(JSON.parse((await rig.run('status', '--json')).stdout).leftBehind).toMatchObject([{ service: 'adder' }]);
    expect((await rig.run('down', 'adder')).stdout).toBe('adder is stopped\n');
    await expect(rig.answer()).rejects.toThrow();
    expect((await rig.run('plan')).stderr).toBe('');
    expect(JSON.parse((await rig.run('status', '--json')).stdout).leftBehind).toEqual([]);
    expect((await rig.run('down')).stdout).toBe('renamed is stopped\n');
  });
});

describe('modelflow serve', () => {
  it('serves a bare ONNX file under its stem, and ends cleanly on Ctrl-C', async () => {
    const rig = makeRig({ 'my-adder.onnx': adds(5) });
    const port = await freePort();
    const server = rig.start(['serve', 'my-adder.onnx', '--port', String(port)]);
    await server.says('is served at');
    const response = await fetch(`http://127.0.0.1:${port}/v1/models/my-adder:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"instances": [[1], [2]]}',
    });
    expect(await response.json()).toEqual({ predictions: [[6], [7]] });
    server.child.kill('SIGINT');
    expect((await server.finished).code).toBe(0);
  });

  it('names the port that is in use, and a file that is no model', async () => {
    const rig = makeRig({ 'a.onnx': adds(5), 'b.onnx': 'nothing' });
    const port = await freePort();
    const server = rig.start(['serve', 'a.onnx', '--port', String(port)]);
    await server.says('is served at');
    const second = await rig.run('serve', 'a.onnx', '--port', String(port));
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('MF5003');
    const bad = await rig.run('serve', 'b.onnx', '--port', '0');
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('MF3101');
    const none = await rig.run('serve', 'c.onnx');
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('MF1107');
    server.child.kill('SIGINT');
    await server.finished;
  });
});
