import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownStages, pipelineOf } from '../support/own-stages.ts';
import type { Rig } from '../support/rig.ts';

/** A target whose state is a file; it answers as it should unless the artifact says `bad`. */
const build = (facts: string, more = ''): string => `
  const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything], check: async () => [], remove: async () => undefined,
    probe: async (_, live) => existsSync('bad.txt') && readFileSync('bad.txt', 'utf8').includes(String(live.url)) ? { ok: false as const, why: 'answers nonsense' } : { ok: true as const },
    read: async (ctx, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
    apply: async (ctx, want) => {
      const url = 'http://' + (want.revisions[0]?.what as any).facts.name;
      const live = { service: want.service, url, revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
      writeFileSync('live.json', JSON.stringify(live));
      appendFileSync('applied.txt', url + '\\n');
      return live as any;
    } });
  const put = stage('put', async ({ live }) => ({ url: live.url }),
    { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
  const made = stage('made', async ({ options }) => options, { options: { name: z.string() } });
  return { live: put({ what: made(${facts}), target: (place as any)(), ${more} }) };`;

const good = "{ name: 'good' }";
const bad = "{ name: 'bad' }";
const change = (rig: Rig, facts: string, more = ''): void => rig.write('deploy.config.ts', pipelineOf(build(facts, more)));
const applied = (rig: Rig): readonly string[] => rig.read('applied.txt').trim().split('\n');
const step = async (rig: Rig, ...args: string[]) => JSON.parse((await rig.run('plan', '--json', ...args)).stdout).steps.at(-1);

describe('a release that answers wrongly', () => {
  it('is rolled back once, however many retries there are', async () => {
    const rig = ownStages(build(good));
    await rig.run('run');
    rig.write('bad.txt', 'http://bad');
    change(rig, bad, 'retries: 3');
    const run = await rig.run('run');
    expect(run.code).toBe(4);
    expect(run.stderr).toContain('MF5005');
    expect(applied(rig)).toEqual(['http://good', 'http://bad', 'http://good']);
  });

  it('is held by the plan and the run, and deployed by both with --force', async () => {
    const rig = ownStages(build(good));
    await rig.run('run');
    rig.write('bad.txt', 'http://bad');
    change(rig, bad);
    await rig.run('run');
    rig.write('bad.txt', '');
    expect((await step(rig)).live.action).toBe('held');
    expect((await rig.run('run')).stderr).toContain('MF5007');
    for (const force of [
      ['--force', 'live'],
      ['--force', 'put'],
    ]) {
      const forced = await step(rig, ...force);
      expect(forced.do).toBe('run');
      expect(forced.live.action).toBe('replace');
    }
    expect((await rig.run('run', '--force', 'live')).code).toBe(0);
    expect(applied(rig).at(-1)).toBe('http://bad');
    expect((await step(rig)).do).toBe('keep');
  });

  it('stays held, and the releases before it stay known, however many runs there were since', async () => {
    const rig = ownStages(build(good));
    await rig.run('run');
    change(rig, "{ name: 'better' }");
    await rig.run('run');
    expect((await rig.run('rollback')).code).toBe(0);
    expect((await rig.run('run', '--only', 'made')).code).toBe(0);
    const runs = rig.path('.modelflow/runs/own/dev');
    const last = readdirSync(runs).sort().at(-1) ?? '';
    for (let count = 0; count < 105; count++) cpSync(join(runs, last), join(runs, `${100_000 + count}-later`), { recursive: true });
    expect((await step(rig)).live.action).toBe('held');
    expect((await rig.run('run')).code).toBe(4);
    expect(applied(rig).at(-1)).toBe('http://good');
    expect((await rig.run('run', '--force', 'live')).code).toBe(0);
    expect((await rig.run('rollback')).code).toBe(0);
    expect(applied(rig).at(-1)).toBe('http://good');
  });

  it('with none before it fails, and is tried again by the next run', async () => {
    const rig = ownStages(build(bad), { 'bad.txt': 'http://bad' });
    expect((await rig.run('run')).stderr).toContain('MF5004');
    expect((await rig.run('run')).stderr).toContain('MF5004');
    rig.write('bad.txt', '');
    expect((await rig.run('run')).code).toBe(0);
    expect((await step(rig)).do).toBe('keep');
    // Applied again, with nothing left to change: whoever was broken off may have left something.
    expect(new Set(applied(rig))).toEqual(new Set(['http://bad']));
  });
});

describe('a target that throws', () => {
  it('while it is asked what is live has failed, and that is no bug of ours', async () => {
    const rig = ownStages(
      build(good).replace('read: async (ctx, service) =>', "read: async (ctx, service) => { throw new Error('no route'); return"),
    );
    rig.write('deploy.config.ts', rig.read('deploy.config.ts').replace('settings: {} },\n    apply', 'settings: {} }; },\n    apply'));
    for (const command of ['plan', 'run']) {
      const end = await rig.run(command);
      expect(end.stderr).toContain('no route');
      expect(end.stderr).not.toContain('MF9001');
      expect(end.code).toBe(1);
    }
  });
});
