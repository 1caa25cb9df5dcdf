import { symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ownStages, pipelineOf } from '../support/own-stages.ts';
import { makeRig } from '../support/rig.ts';

/** One stage with an option of any sort, from an expression. */
const withOption = (value: string): string =>
  `return { one: stage('one', async () => ({}), { options: { given: z.unknown() } })({ given: ${value} }) };`;

describe('an option', () => {
  it.each([
    ['0', '-0'],
    ['Number.NaN', "'NaN'"],
    ['5n', '5'],
    ['null', 'undefined'],
    ['new Map([[1, 2]])', 'new Map([[1, 3]])'],
    ['new Set([1])', 'new Set([2])'],
    ['new Uint8Array([1]).buffer', 'new Uint8Array([2]).buffer'],
    ['new Date(0)', 'new Date(1)'],
    ['/a/', '/a/i'],
    ['[1, [2, 3]]', '[[1, 2], 3]'],
    ['{ a: { b: 1 } }', "{ 'a.b': 1 }"],
    ['((by) => (x: number) => x * by)(2)', '((by) => (x: number) => x * by)(3)'],
  ])('that was %s and is %s makes the stage run again, and the plan says that it changed', async (before, after) => {
    const rig = ownStages(withOption(before));
    expect((await rig.run('run')).code).toBe(0);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
    rig.write('deploy.config.ts', pipelineOf(withOption(after)));
    const plan = await rig.run('plan', '--detailed-exitcode');
    expect(plan.code, plan.stdout).toBe(10);
    expect(plan.stdout).toMatch(/option `given|configuration/);
    expect((await rig.run('run')).code).toBe(0);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
  });

  it('in another order is the same', async () => {
    const rig = ownStages(withOption('{ a: 1, b: [2], c: undefined }'));
    await rig.run('run');
    rig.write('deploy.config.ts', pipelineOf(withOption('{ b: [2], a: 1 }')));
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
  });

  it('of which no change could be seen is refused where the stage is called', async () => {
    for (const value of ["Symbol('a')", '{ deep: [new (class Secret { #value = 1; get() { return this.#value; } })()] }']) {
      const plan = await ownStages(withOption(value)).run('plan');
      expect(plan.code, plan.stderr).toBe(2);
      expect(plan.stderr).toContain('MF1101');
      expect(plan.stderr).toContain('deploy.config.ts');
    }
  });

  it('that is gone, and one that is new, are named', async () => {
    const rig = ownStages(withOption('{ old: 1, same: 2 }'));
    await rig.run('run');
    rig.write('deploy.config.ts', pipelineOf(withOption('{ same: 2, fresh: null }')));
    const { steps } = JSON.parse((await rig.run('plan', '--json')).stdout);
    expect(steps[0].because).toEqual([
      { why: 'option-changed', path: 'given.old', from: 1 },
      { why: 'option-changed', path: 'given.fresh', to: null },
    ]);
  });
});

describe('a source', () => {
  const inside = `return { one: stage('one', async ({ options }) => ({ read: readFileSync(options.deep[0].path.path, 'utf8') }),
    { options: { deep: z.array(z.object({ path: file() })) } })({ deep: [{ path: './a.txt' }] }) };`;

  it('deep in the options counts by its bytes, and the stage gets its absolute path', async () => {
    const rig = ownStages(inside, { 'a.txt': 'a' });
    expect((await rig.start(['run', '--config', rig.root], { cwd: '/' }).finished).code).toBe(0);
    expect((await rig.run('inspect', 'one')).stdout).toContain('"read": "a"');
    rig.write('a.txt', 'b');
    expect((await rig.run('plan')).stdout).toMatch(/bytes of `given|bytes of `deep|option `deep/);
  });

  it('in the settings of a target counts as well', async () => {
    const build = `
      const place = defineTarget({ name: 'place', version: 1, settings: { certificate: file() }, runs: [Anything],
        check: async () => [], probe: async () => ({ ok: true as const }), remove: async () => undefined,
        read: async (ctx, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
        apply: async (ctx, want) => {
          const bytes = readFileSync((ctx.settings as any).certificate.path, 'utf8');
          const live = { service: want.service, url: 'http://' + bytes, revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: ctx.settings };
          writeFileSync('live.json', JSON.stringify(live));
          return live as any;
        } });
      const put = stage('put', async ({ live }) => ({ url: live.url }), { inputs: { what: Anything }, options: { target: z.custom<any>() },
        deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
      return { live: put({ what: kept({}), target: place({ certificate: './cert.pem' }) }) };`;
    const rig = ownStages(build, { 'cert.pem': 'one' });
    const first = await rig.run('run');
    expect(first.code, first.stderr).toBe(0);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
    rig.write('cert.pem', 'two');
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(10);
    expect((await rig.run('run')).code).toBe(0);
    expect(rig.read('live.json')).toContain('http://two');
  });

  it.each([
    ['a loop of links', 'loop'],
    ['a name that is too long', 'a'.repeat(300)],
    ['a name with a zero byte', 'a\\0b'],
    ['a device', '/dev/zero'],
  ])('that is %s is a mistake of the configuration', async (_, path) => {
    const rig = ownStages(`return { one: stage('one', async () => ({}), { options: { path: file() } })({ path: '${path}' }) };`);
    symlinkSync('loop', rig.path('loop'));
    const plan = await rig.run('plan');
    expect(plan.stderr).toContain('MF1107');
    expect(plan.code).toBe(2);
  });
});

describe('the code of a stage', () => {
  it('counts every file, also when two have the same name', async () => {
    const build = `return { one: stage('one', async () => ({}), { code: [new URL('./a/bridge.py', import.meta.url), new URL('./b/bridge.py', import.meta.url)] })({}) };`;
    for (const changed of ['a/bridge.py', 'b/bridge.py']) {
      const rig = ownStages(build, { 'a/bridge.py': '1', 'b/bridge.py': '2' });
      await rig.run('run');
      rig.write(changed, '3');
      expect((await rig.run('plan')).stdout, changed).toMatch(/code of `bridge\.py/);
    }
  });

  it.each(['factory.ts', 'node_modules/acme-stages/index.js'])(
    'counts where %s, which made it, was called: with a function of the user',
    async (made) => {
      const factory = `
      import { writeFileSync } from 'node:fs';
      import { defineArtifact, defineStage, z } from 'modelflow';
      const Word = defineArtifact('word', z.object({ word: z.string() }));
      export const wordStage = (spell) => defineStage({ name: 'word', version: 1, inputs: {}, options: {}, output: Word,
        run: async ({ out }) => { writeFileSync(out + '/word.txt', spell()); return { word: spell() }; } });`;
      const config = (word: string): string => `
      import { definePipeline } from 'modelflow';
      import { wordStage } from ${JSON.stringify(made === 'factory.ts' ? './factory.ts' : 'acme-stages')};
      const word = wordStage(() => '${word}');
      export default definePipeline({ name: 'made', build: () => ({ word: word({}) }) });`;
      const manifest = {
        'node_modules/acme-stages/package.json': '{ "name": "acme-stages", "version": "1.0.0", "type": "module", "main": "index.js" }',
      };
      const rig = makeRig({ ...manifest, [made]: factory, 'deploy.config.ts': config('before') });
      expect((await rig.run('run')).code).toBe(0);
      rig.write('deploy.config.ts', config('after'));
      expect((await rig.run('run')).code).toBe(0);
      expect((await rig.run('inspect', 'word')).stdout).toContain('after');
    },
  );

  it.each([
    ["code: ['./bridge.py']", 'MF3001'],
    ["code: [new URL('http://localhost/bridge.py')]", 'MF3001'],
    ["code: [new URL('./nowhere.py', import.meta.url)]", 'MF1107'],
    ["tools: async () => { throw new Error('no such tool'); }", 'no such tool'],
  ])('that cannot be read is no bug of ours: %s', async (more, words) => {
    const plan = await ownStages(`return { one: stage('one', async () => ({}), { ${more} })({}) };`).run('plan');
    expect(plan.stderr).toContain(words);
    expect(plan.stderr).not.toContain('MF9001');
    expect([1, 2]).toContain(plan.code);
  });
});
