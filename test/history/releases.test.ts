import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ownStages, pipelineOf } from '../support/own-stages.ts';
import type { Rig } from '../support/rig.ts';

/** What is live stands in a file beside the configuration, and every touch of it in another. */
const build = (name: string, more = ''): string => `
  const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything], check: async () => [],
    remove: async () => { appendFileSync('touched.txt', 'remove\\n'); rmSync('live.json', { force: true }); },
    probe: async () => existsSync('ill') ? { ok: false as const, why: 'answers nonsense' } : { ok: true as const },
    read: async (_, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
    apply: async (_, want) => {
      appendFileSync('touched.txt', 'apply\\n');
      const live = { service: want.service, url: 'http://' + (want.revisions[0]?.what as any).facts.name, revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
      writeFileSync('live.json', JSON.stringify(live));
      return live as any;
    } });
  const put = stage('put', async ({ live }) => ({ url: live.url }),
    { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
  const made = stage('made', async ({ options }) => options, { options: { name: z.string() } });
  const what = made({ name: '${name}' });
  return { made: what, live: put({ what, target: (place as any)() ${more} }) };`;

const change = (rig: Rig, name: string, more?: string): void => rig.write('deploy.config.ts', pipelineOf(build(name, more)));
const as = (rig: Rig, who: string, ...args: string[]) => rig.start(args, { env: { GITHUB_ACTOR: who } }).finished;
const touched = (rig: Rig): number => rig.read('touched.txt').split('\n').length - 1;

async function releases(rig: Rig) {
  const end = await rig.run('releases', '--json');
  expect(end.code, end.stderr).toBe(0);
  return JSON.parse(end.stdout);
}

describe('releases', () => {
  it('tells who made what live, when and how, and what became of it', async () => {
    const rig = ownStages(build('a'));
    expect(await releases(rig)).toEqual([]);
    await as(rig, 'ada', 'run');
    change(rig, 'b');
    await as(rig, 'bob', 'run');
    await as(rig, 'eve', 'rollback');
    const [svc, ...others] = await releases(rig);
    expect(others).toEqual([]);
    expect(svc).toMatchObject({ service: 'svc', target: 'place', node: 'live', url: 'http://a' });
    expect(svc.releases.map(({ state, how, by }: Record<string, string>) => [state, how, by])).toEqual([
      ['live', 'rolled-back', 'eve'],
      ['refused', 'released', 'bob'],
      ['kept', 'released', 'ada'],
    ]);
    expect(svc.releases[0].release).toBe(svc.releases[2].release);
    expect(svc.releases[1]).toMatchObject({ reason: 'rolled back by hand', planDigest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const { stdout } = await rig.run('releases', 'svc');
    expect(stdout).toMatch(/refused.*by bob.*rolled back by hand/);
  });

  it('names who approved one, and says when the bytes of one are gone', async () => {
    const rig = ownStages(build('a', ', approval: true'));
    expect((await as(rig, 'ada', 'run')).code).toBe(7);
    expect((await as(rig, 'grace', 'approve')).code).toBe(0);
    expect((await as(rig, 'ada', 'run')).code).toBe(0);
    const [approved] = (await releases(rig))[0].releases;
    expect(approved.approvals).toEqual([{ by: 'grace', at: expect.any(String) }]);
    rmSync(rig.path(`.modelflow/artifacts/${approved.artifact.slice(0, 2)}/${approved.artifact}`), { recursive: true });
    rmSync(rig.path('live.json'));
    expect((await releases(rig))[0].releases[0].state).toBe('gone');
  });
});

describe('adopt', () => {
  it('takes back what runs after the store was lost, so that it can be gone back to', async () => {
    const rig = ownStages(build('a'));
    await rig.run('run');
    rmSync(rig.path('.modelflow'), { recursive: true });
    await rig.run('run', '--only', 'made');
    const adopted = await as(rig, 'ada', 'adopt', 'svc');
    expect(adopted.code, adopted.stderr).toBe(0);
    expect(adopted.stdout).toMatch(/svc is adopted as release [0-9a-f]{12}; artifact/);
    expect(touched(rig)).toBe(1);
    expect((await releases(rig))[0].releases[0]).toMatchObject({ state: 'live', how: 'adopted', by: 'ada' });
    expect((await rig.run('adopt', 'svc')).stdout).toContain('is known already');
    change(rig, 'b');
    await rig.run('run');
    expect((await rig.run('rollback')).code).toBe(0);
    expect(rig.read('live.json')).toContain('http://a');
  });

  it('says so where it is not known what runs, and takes what a pipeline of another name released', async () => {
    const rig = ownStages(build('a'));
    await rig.run('run');
    rig.write('deploy.config.ts', pipelineOf(build('b')).replace("name: 'own'", "name: 'renamed'"));
    expect((await rig.run('adopt', 'svc')).stdout).toContain('; artifact');
    rmSync(rig.path('.modelflow'), { recursive: true });
    const adopted = await rig.run('adopt', 'svc');
    expect(adopted.stdout).toContain('cannot be gone back to');
    expect((await rig.run('run')).code).toBe(0);
    expect((await rig.run('rollback')).stderr).toContain('MF5006');
  });

  it('refuses what is not there, what something else made, and what does not answer, and writes nothing down', async () => {
    const rig = ownStages(build('a'));
    expect((await rig.run('adopt', 'svc')).stderr).toContain('MF5100');
    await rig.run('run');
    const live = rig.read('live.json');
    rmSync(rig.path('.modelflow'), { recursive: true });
    rig.write('ill', '');
    expect((await rig.run('adopt', 'svc')).stderr).toContain('MF5102');
    rmSync(rig.path('ill'));
    rig.write('live.json', live.replace(/"stamp":"[0-9a-f]+",/, ''));
    const strange = await rig.run('adopt', 'svc');
    expect([strange.code, strange.stderr]).toEqual([3, expect.stringContaining('MF5101')]);
    expect(await releases(rig)).toEqual([]);
    expect((await rig.run('adopt', 'svk')).stderr).toContain('Did you mean `svc`?');
  });
});

describe('forget', () => {
  it('drops what is on record of a service, touches nothing, and says what goes on running', async () => {
    const rig = ownStages(build('a'));
    await rig.run('run');
    change(rig, 'b');
    await rig.run('run');
    await rig.run('rollback');
    const before = touched(rig);
    const forgotten = await rig.run('forget', 'svc');
    expect(forgotten.code, forgotten.stderr).toBe(0);
    expect(forgotten.stdout).toContain('it goes on running at http://a');
    expect(touched(rig)).toBe(before);
    expect(await releases(rig)).toEqual([]);
    expect((await rig.run('rollback')).stderr).toContain('MF5006');
    // What was refused is forgotten with it.
    expect((await rig.run('run')).code).toBe(0);
    expect(rig.read('live.json')).toContain('http://b');
    expect((await rig.run('forget', 'svk')).stderr).toContain('Did you mean `svc`?');
  });

  it('drops the record of a run, but not one that tells of a release', async () => {
    const rig = ownStages(build('a'));
    await rig.run('run');
    await rig.run('run', '--only', 'made');
    const release = await rig.run('forget', '--run', '1');
    expect([release.code, release.stderr]).toEqual([2, expect.stringContaining('MF1231')]);
    expect((await rig.run('forget', '--run', '2')).stdout).toContain('is forgotten');
    expect((await rig.run('forget', '--run', '2')).stderr).toContain('MF1230');
    expect((await rig.run('forget')).code).toBe(2);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
  });
});
