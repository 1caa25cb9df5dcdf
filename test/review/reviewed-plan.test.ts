import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Rig, rigIn } from '../support/rig.ts';
import { applied, chain, configOf, eventsOf, reviewRig } from './review-rig.ts';

const planned = async (rig: Rig, ...args: string[]): Promise<{ planDigest: string }> => {
  const end = await rig.run('plan', '--out', 'plan.json', ...args);
  if (end.code !== 0) throw new Error(end.stderr);
  return JSON.parse(rig.read('plan.json')) as { planDigest: string };
};

const refused = async (rig: Rig): Promise<string> => {
  const before = [rig.notes(), applied(rig)];
  const end = await rig.run('run', '--plan', 'plan.json');
  expect(end.code, end.stderr).toBe(5);
  expect(end.stderr).toContain('MF2101');
  expect([rig.notes(), applied(rig)]).toEqual(before);
  return end.stderr;
};

describe('a reviewed plan', () => {
  it('is carried out, and the journal says by which plan', async () => {
    const rig = reviewRig(configOf(chain()));
    const { planDigest } = await planned(rig);
    const end = await rig.run('run', '--plan', 'plan.json', '--json');
    expect(end.code, end.stderr).toBe(0);
    expect(applied(rig)).toHaveLength(1);
    const events = eventsOf(end.stdout);
    expect(events[0]).toMatchObject({ type: 'run-started', planDigest });
    expect(events.find((event) => event['type'] === 'released')).toMatchObject({ release: { planDigest } });
  });

  it('is the same text as `plan --json`, and holds no path of the machine', async () => {
    const rig = reviewRig(configOf(chain()));
    const { stdout } = await rig.run('plan', '--out', 'plan.json', '--json');
    expect(JSON.parse(stdout)).toEqual(JSON.parse(rig.read('plan.json')));
    expect(stdout).not.toContain(rig.root);
  });

  it('is carried out on another clone at another path, whose store is empty', async () => {
    const rig = reviewRig(configOf(chain()));
    await rig.run('run', '--only', 'model');
    await planned(rig);
    const root = mkdtempSync(join(tmpdir(), 'modelflow-clone-'));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    for (const name of ['deploy.config.ts', 'world.ts', 'data.txt', 'plan.json']) cpSync(rig.path(name), join(root, name));
    const end = await rigIn(root).run('run', '--plan', 'plan.json');
    expect(end.code, end.stderr).toBe(0);
    expect(applied(rigIn(root))).toHaveLength(1);
  });

  it('is carried out by a store that holds less than the one it was made with, and leaves alone what is live', async () => {
    const rig = reviewRig(configOf(chain()));
    await rig.run('run');
    await planned(rig);
    rmSync(rig.path('.modelflow/results'), { recursive: true });
    const end = await rig.run('run', '--plan', 'plan.json');
    expect(end.code, end.stderr).toBe(0);
    expect(applied(rig)).toHaveLength(1);
  });

  it('goes on after a run of it that did not come to its end', async () => {
    const rig = reviewRig(configOf(chain('approval: true')));
    await planned(rig);
    expect((await rig.run('run', '--plan', 'plan.json')).code).toBe(7);
    expect((await rig.run('run', '--plan', 'plan.json', '--approve', 'service')).code).toBe(0);
    expect((await rig.run('run', '--plan', 'plan.json')).code).toBe(0);
    expect(applied(rig)).toHaveLength(1);
  });

  it('keeps to what was selected, and to the profile', async () => {
    const rig = reviewRig(configOf(chain()));
    await planned(rig, '--only', 'model', '--profile', 'production');
    expect((await rig.run('run', '--plan', 'plan.json')).code).toBe(0);
    expect(rig.notes()).toEqual(['train']);
    expect(rig.exists('.modelflow/runs/own/production')).toBe(true);
    expect((await rig.run('run', '--plan', 'plan.json', '--profile', 'dev')).stderr).toContain('MF2104');
    expect((await rig.run('run', '--plan', 'plan.json', '--only', 'model')).code).toBe(2);
  });
});

describe('every sort of step, cause and change', () => {
  it('comes back from the file as it was', async () => {
    const rig = reviewRig(configOf(chain('', '{ port: 3, env: { A: "1" } }')));
    await planned(rig);
    await rig.run('run');
    const live = JSON.parse(rig.read('live.json'));
    live.svc.settings.env = { B: '2' };
    live.svc.token = 'by hand';
    rig.write('live.json', JSON.stringify(live));
    rig.write('deploy.config.ts', configOf(chain('approval: true', '{ env: { C: "3" }, token: secret("TOKEN") }', 2)));
    rig.write('tool.txt', '2.0');
    await planned(rig, '--force', 'model');
    await planned(rig);
    const end = await rig.start(['run', '--plan', 'plan.json', '--approve', 'put'], { env: { TOKEN: 'correct horse' } }).finished;
    expect(end.code, end.stderr).toBe(0);
    await planned(rig);
    expect(rig.read('plan.json')).not.toContain('correct horse');
    expect((await rig.run('run', '--plan', 'plan.json')).code).toBe(0);
    expect(applied(rig)).toHaveLength(2);
  });
});

describe('behind the back of a reviewed plan', () => {
  it('the configuration changed, if only a comment', async () => {
    const rig = reviewRig(configOf(chain()));
    await planned(rig);
    rig.write('deploy.config.ts', `${configOf(chain())}// nothing\n`);
    expect(await refused(rig)).toMatch(/deploy\.config\.ts changed: [0-9a-f]{12} -> [0-9a-f]{12}/);
  });

  it('a module that the configuration imports changed, and an option with it', async () => {
    const rig = reviewRig(configOf(chain()));
    await planned(rig);
    rig.write('deploy.config.ts', configOf(chain('', '{}', 2)));
    rig.write('world.ts', `${rig.read('world.ts')}\n`);
    const said = await refused(rig);
    expect(said).toContain('world.ts changed');
    expect(said).toContain('model: option `rounds` changed: 1 -> 2');
  });

  it('the configuration does not even load any more', async () => {
    const rig = reviewRig(configOf(chain()));
    await planned(rig);
    rig.write('deploy.config.ts', configOf("return { model: train({ path: 'gone.txt' }) };"));
    const said = await refused(rig);
    expect(said).toContain('deploy.config.ts changed');
    expect(said).toContain('gone.txt');
  });

  it('an input file changed, or is gone', async () => {
    const rig = reviewRig(configOf(chain()));
    await planned(rig);
    rig.write('data.txt', 'other data');
    expect(await refused(rig)).toMatch(/model: bytes of `path` changed: 4 bytes, .* -> 10 bytes/);
    rmSync(rig.path('data.txt'));
    expect(await refused(rig)).toContain('data.txt');
  });

  it('a tool changed', async () => {
    const rig = reviewRig(configOf(chain()));
    await planned(rig);
    rig.write('tool.txt', '2.0');
    expect(await refused(rig)).toContain('model: tool trainer changed: 1.0 -> 2.0');
  });

  it('the live world changed: by another run, or by hand', async () => {
    const rig = reviewRig(configOf(chain()));
    await rig.run('run');
    rig.write('deploy.config.ts', configOf(chain('', '{ port: 2 }')));
    await planned(rig);
    const live = JSON.parse(rig.read('live.json'));
    live.svc.token = 'by hand';
    live.svc.settings.port = 9;
    rig.write('live.json', JSON.stringify(live));
    const said = await refused(rig);
    expect(said).toMatch(/service: svc on place is not as it was: state \d+ -> by hand/);
    expect(said).toContain('settings.port: 1 when released, 9 now');
  });

  it('the release that it would bring was rolled back', async () => {
    const rig = reviewRig(configOf(chain()));
    await rig.run('run');
    rig.write('data.txt', 'second');
    await rig.run('run');
    await planned(rig);
    expect((await rig.run('rollback')).code).toBe(0);
    expect(await refused(rig)).toContain('it was to be left alone, and now would be held back');
  });

  it('a policy or a gate came in by another way than the configuration', async () => {
    const rig = reviewRig(configOf(chain(), "process.env.MORE ? [policy('more', () => [])] : []"));
    await planned(rig);
    const end = await rig.start(['run', '--plan', 'plan.json'], { env: { MORE: '1' } }).finished;
    expect(end.code).toBe(5);
    expect(end.stderr).toContain('policy "more" was not in the plan');
  });

  it('the live world changed while the run was already under way', async () => {
    const meddling = `import { writeFileSync } from 'node:fs';\nimport { stage, Anything } from './stages';\n${configOf(`
      const model = stage('meddle', async () => {
        const live = { service: 'svc', url: 'http://other', revisions: [{ id: '9', stamp: 'other', weight: 100, health: 'ready' }], token: 'meddled', settings: {} };
        writeFileSync('live.json', JSON.stringify({ svc: live }));
        return { sizeBytes: 1 };
      }, { output: Model })({});
      return { service: put({ what: model, target: place({}), retries: 2 }) };`)}`;
    const rig = reviewRig(meddling);
    await planned(rig);
    const end = await rig.run('run', '--plan', 'plan.json');
    expect(end.code, end.stderr).toBe(5);
    expect(end.stderr).toContain('svc was not touched');
    expect(applied(rig)).toEqual([]);
  });

  it('an input that was known came out with other bytes when it had to be made again', async () => {
    const chance = `import { stage } from './stages';\n${configOf(`
      const model = stage('chance', async () => ({ sizeBytes: Math.random() }), { output: Model })({});
      return { packed: pack({ model }) , model };`)}`;
    const rig = reviewRig(chance, {});
    rig.write('world.ts', rig.read('world.ts').replace("readFileSync(join(inputs.model.path, 'model.txt'), 'utf8')", "'x'"));
    await rig.run('run');
    await planned(rig);
    rmSync(rig.path('.modelflow'), { recursive: true });
    const end = await rig.run('run', '--plan', 'plan.json');
    expect(end.code, end.stderr).toBe(5);
    expect(end.stderr).toContain('packed: input `model` changed');
  });
});

describe('a file that is no plan to carry out', () => {
  it.each([
    ['is not there', undefined, 'MF2102'],
    ['was cut off', (text: string) => text.slice(0, 300), 'MF2102'],
    ['is something else', () => '{"hello": 1}', 'MF2102'],
    ['was changed', (text: string) => text.replace('"rounds": 1', '"rounds": 2'), 'was changed after it was made'],
    ['is of a newer format', (text: string) => text.replace('"format": 2', '"format": 3'), 'MF2103'],
  ])('%s', async (_, change, said) => {
    const rig = reviewRig(configOf(chain()));
    if (change) {
      await planned(rig);
      rig.write('plan.json', change(rig.read('plan.json')));
    }
    const end = await rig.run('run', '--plan', 'plan.json');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(said);
    expect(rig.exists('.modelflow')).toBe(false);
  });

  it('is of another pipeline', async () => {
    const rig = reviewRig(configOf(chain()));
    await planned(rig);
    rig.write('deploy.config.ts', configOf(chain()).replace("name: 'own'", "name: 'another'"));
    expect((await rig.run('run', '--plan', 'plan.json')).stderr).toContain('MF2104');
  });

  it('cannot be written where there is no folder', async () => {
    const end = await reviewRig(configOf(chain())).run('plan', '--out', 'none/plan.json');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('MF2105');
  });
});
