import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownStages, pipelineOf } from '../support/own-stages.ts';
import { filesBelow, type Rig } from '../support/rig.ts';

/** What is live stands in a file beside the configuration. */
const build = (name: string, more = ''): string => `
  const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything], check: async () => [], remove: async () => rmSync('live.json', { force: true }),
    probe: async () => ({ ok: true as const }),
    read: async (_, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
    apply: async (_, want) => {
      const live = { service: want.service, url: 'http://' + (want.revisions[0]?.what as any).facts.name, revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
      writeFileSync('live.json', JSON.stringify(live));
      return live as any;
    } });
  const put = stage('put', async ({ live }) => ({ url: live.url }),
    { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
  const made = stage('made', async ({ options, out, signal }) => {
    writeFileSync(join(out, 'big.bin'), options.name.repeat(1000));
    while (options.wait && !existsSync('go')) await pause(5, undefined, { signal });
    return { name: options.name };
  }, { options: { name: z.string(), wait: z.boolean().default(false) } });
  return { made: made({ name: '${name}' ${more} }), live: put({ what: made({ name: '${name}' ${more} }), target: (place as any)() }) };`;

const change = (rig: Rig, name: string, more?: string): void => rig.write('deploy.config.ts', pipelineOf(build(name, more)));
const artifacts = (rig: Rig): number =>
  filesBelow(rig.path('.modelflow/artifacts')).filter((path) => path.endsWith('manifest.json')).length;

/** One release of each name, in order. */
async function released(...names: readonly string[]): Promise<Rig> {
  const rig = ownStages(build(names[0] ?? ''));
  for (const name of names) {
    change(rig, name);
    const run = await rig.run('run');
    expect(run.code, run.stderr).toBe(0);
  }
  return rig;
}

async function gc(rig: Rig, ...args: string[]) {
  const end = await rig.run('cache', 'gc', '--json', ...args);
  expect(end.code, end.stderr).toBe(0);
  return JSON.parse(end.stdout) as {
    freedBytes: number;
    removed: { what: string; name: string }[];
    kept: { digest: string; why: string }[];
  };
}

describe('cache gc', () => {
  it('keeps the last runs, what is live and what can be gone back to, and removes the rest', async () => {
    const rig = await released('a', 'b', 'c', 'd');
    const before = artifacts(rig);
    const dry = await gc(rig, '--keep', '1', '--releases', '2', '--dry-run');
    expect(artifacts(rig)).toBe(before);
    const done = await gc(rig, '--keep', '1', '--releases', '2');
    // Whether anything is at work can only be told with the lock.
    expect(done.removed.filter(({ what }) => what !== 'work')).toEqual(dry.removed);
    expect(done.removed.filter(({ what }) => what === 'artifact').length).toBe(before - artifacts(rig));
    expect(done.kept.map(({ why }) => why)).toEqual(expect.arrayContaining(['place/svc is live', 'a release of place/svc']));
    expect(JSON.parse((await rig.run('plan', '--json')).stdout).steps.map((step: { do: string }) => step.do)).toEqual([
      'reuse',
      'reuse',
      'keep',
    ]);
    expect((await rig.run('rollback')).code).toBe(0);
    expect(rig.read('live.json')).toContain('http://c');
    expect((await rig.run('rollback')).stderr).toContain('MF5006');
    expect((await gc(rig, '--keep', '1', '--releases', '2')).removed.filter(({ what }) => what === 'artifact')).toEqual([]);
  });

  it('keeps what a rollback put back, although newer releases came after it', async () => {
    const rig = await released('a', 'b');
    expect((await rig.run('rollback')).code).toBe(0);
    await rig.run('run', '--only', 'made');
    const { kept } = await gc(rig, '--keep', '1', '--releases', '1');
    expect(kept.filter(({ why }) => why === 'place/svc is live')).toHaveLength(1);
    expect((await rig.run('cache', 'verify')).code).toBe(0);
    const digest = kept.find(({ why }) => why === 'place/svc is live')?.digest ?? '';
    expect(readFileSync(rig.path(`.modelflow/artifacts/${digest.slice(0, 2)}/${digest}/files/big.bin`), 'utf8')).toMatch(/^a+$/);
  });

  it('keeps the last result of every stage, however many runs of something else came after', async () => {
    const rig = await released('a');
    for (let count = 0; count < 3; count++) await rig.run('run', '--only', 'made');
    await gc(rig, '--keep', '1');
    const { steps } = JSON.parse((await rig.run('plan', '--json')).stdout);
    expect(steps.map((step: { do: string }) => step.do)).toEqual(['reuse', 'reuse', 'keep']);
    expect((await rig.run('why', 'live', '--run')).code).toBe(0);
  });

  it('refuses while a run is at work, also of another profile, and a run refuses while it is at work', async () => {
    const rig = ownStages(build('a', ', wait: true'));
    const running = rig.start(['run', '--profile', 'other']);
    await running.says('[made]');
    const refused = await rig.run('cache', 'gc');
    expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining('MF6001')]);
    expect((await rig.run('cache', 'gc', '--dry-run')).code).toBe(0);
    rig.write('go', '');
    expect((await running.finished).code).toBe(0);
    const locks = rig.path('.modelflow/locks');
    const [profile] = readdirSync(join(locks, 'own'));
    const held = JSON.parse(readFileSync(join(locks, 'own', profile ?? '', '1.json'), 'utf8'));
    // As if a collection on another machine were at work.
    rig.write(
      '.modelflow/locks/.whole/100.json',
      JSON.stringify({ ...held, host: 'elsewhere', command: 'modelflow cache gc', released: false }),
    );
    const run = await rig.run('run', '--profile', 'other');
    expect([run.code, run.stderr]).toEqual([6, expect.stringContaining('cache gc')]);
    expect((await rig.run('unlock')).stdout).toContain('broke the lock');
    expect((await rig.run('run', '--profile', 'other')).code).toBe(0);
  });

  it('empties the quarantine, which doctor and du tell of, and takes away what a killed collection left', async () => {
    const rig = await released('a');
    const big = filesBelow(rig.path('.modelflow/artifacts')).find((path) => path.endsWith('big.bin')) ?? '';
    const path = rig.path(`.modelflow/artifacts/${big}`);
    const bytes = readFileSync(path);
    const { chmodSync } = await import('node:fs');
    chmodSync(path, 0o644);
    writeFileSync(path, bytes.fill('x'));
    expect((await rig.run('cache', 'verify')).code).toBe(1);
    expect((await rig.run('doctor')).stdout).toContain('1 damaged artifact');
    expect(JSON.parse((await rig.run('cache', 'du', '--json')).stdout).folders.quarantine).toBeGreaterThan(1000);
    rig.write('.modelflow/trash/half/big.bin', 'x');
    const { removed } = await gc(rig);
    expect(removed.filter(({ what }) => what === 'quarantine')).toHaveLength(1);
    expect(readdirSync(rig.path('.modelflow/quarantine'))).toEqual([]);
    expect(existsSync(rig.path('.modelflow/trash'))).toBe(false);
  });
});

describe('cache du', () => {
  it('counts what several stages use once, and adds up', async () => {
    const rig = await released('a', 'b');
    for (const by of ['stage', 'kind', 'run']) {
      const usage = JSON.parse((await rig.run('cache', 'du', '--by', by, '--json')).stdout);
      const sum = (of: Iterable<number>): number => [...of].reduce((total, bytes) => total + bytes, 0);
      expect(sum(Object.values(usage.folders as Record<string, number>)), by).toBe(usage.totalBytes);
      expect(sum(usage.groups.map((group: { sizeBytes: number }) => group.sizeBytes)), by).toBe(usage.folders.artifacts);
    }
    const { stdout } = await rig.run('cache', 'du');
    expect(stdout).toMatch(/own\/dev\/made {2}/);
    expect(stdout).toContain('more shared with others');
  });
});
