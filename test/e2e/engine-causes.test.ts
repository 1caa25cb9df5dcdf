import { readdirSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ownStages, pipelineOf } from '../support/own-stages.ts';
import type { Rig } from '../support/rig.ts';

const build = (given: string, more = 'version: 1', name = 'one'): string =>
  `return { ${name}: stage('one', async ({ options }) => { if (options.fail) throw new Error('told to'); return {}; }, { ${more}, options: { a: z.number(), fail: z.boolean().default(false) } })(${given}) };`;

const change = (rig: Rig, ...of: Parameters<typeof build>): void => rig.write('deploy.config.ts', pipelineOf(build(...of)));
const step = async (rig: Rig, ...args: string[]) => JSON.parse((await rig.run('plan', '--json', ...args)).stdout).steps[0];

describe('the plan says the truth about a stage', () => {
  it('that never ran, ran, and is forced', async () => {
    const rig = ownStages(build('{ a: 1 }'));
    expect((await step(rig)).because).toEqual([{ why: 'never-ran' }]);
    await rig.run('run');
    expect((await step(rig)).do).toBe('reuse');
    expect((await step(rig, '--force')).because).toEqual([{ why: 'forced' }]);
    expect((await step(rig, '--force', 'one')).because).toEqual([{ why: 'forced' }]);
  });

  it('that has another name: nothing changed', async () => {
    const rig = ownStages(build('{ a: 1 }'));
    await rig.run('run');
    change(rig, '{ a: 1 }', 'version: 1', 'other');
    expect((await step(rig)).do).toBe('reuse');
  });

  it('whose version was raised', async () => {
    const rig = ownStages(build('{ a: 1 }'));
    await rig.run('run');
    change(rig, '{ a: 1 }', 'version: 2');
    expect((await step(rig)).because).toEqual([{ why: 'stage-changed', what: 'one', from: 'one v1', to: 'one v2' }]);
  });

  it('that failed, then got another option, then the first one back', async () => {
    const rig = ownStages(build('{ a: 1 }'));
    await rig.run('run');
    change(rig, '{ a: 2, fail: true }');
    await rig.run('run');
    expect((await step(rig)).because).toEqual([{ why: 'last-run-failed' }]);
    change(rig, '{ a: 3 }');
    expect((await step(rig)).because).toEqual([
      { why: 'option-changed', path: 'a', from: 2, to: 3 },
      { why: 'option-changed', path: 'fail', from: true, to: false },
    ]);
    change(rig, '{ a: 1 }');
    expect((await step(rig)).do).toBe('reuse');
    // What it made is still what it made, though its last run failed.
    expect((await rig.run('inspect', 'one')).code).toBe(0);
  });

  it('whose artifact, or whose result, was deleted by hand', async () => {
    const rig = ownStages(build('{ a: 1 }'));
    for (const folder of ['artifacts', 'results']) {
      await rig.run('run');
      rmSync(rig.path(`.modelflow/${folder}`), { recursive: true });
      expect((await step(rig)).because, folder).toEqual([{ why: 'output-missing' }]);
    }
    await rig.run('run');
    rmSync(rig.path('.modelflow/runs'), { recursive: true });
    expect((await step(rig)).do).toBe('reuse');
  });

  it('whose tools changed, appeared and went', async () => {
    const tools = (of: string): string => `version: 1, tools: async () => (${of})`;
    const rig = ownStages(build('{ a: 1 }', tools("{ tool: '1', old: '1' }")));
    await rig.run('run');
    change(rig, '{ a: 1 }', tools("{ tool: '2', fresh: '1' }"));
    expect((await step(rig)).because).toEqual([
      { why: 'tool-changed', what: 'tool', from: '1', to: '2' },
      { why: 'tool-changed', what: 'old', from: '1' },
      { why: 'tool-changed', what: 'fresh', to: '1' },
    ]);
  });
});

describe('a run does what the plan says', () => {
  it.each([[[]], [['--force']], [['--force', 'b']], [['--only', 'b']], [['--only', 'b', '--force']], [['--force', 'a', '--only', 'c']]])(
    'with %j',
    async (args) => {
      const rig = ownStages(`
        const next = stage('next', async ({ options }) => ({ n: options.n }), { inputs: { from: optional(Anything) }, options: { n: z.number() } });
        const a = next({ n: 1 });
        const b = next({ from: a, n: 2 });
        const c = next({ from: b, n: 3, gates: [atLeast(a, 'n' as never, 1)] });
        return { a, b, c, d: next({ n: 4, gates: [atLeast(b, 'n' as never, 2)] }) };`);
      await rig.run('run', '--only', 'a', 'c');
      const plan = JSON.parse((await rig.run('plan', '--json', ...args)).stdout);
      const run = await rig.run('run', '--json', ...args);
      const events = run.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const started = new Set(events.filter((event) => event.type === 'node-started').map((event) => event.node));
      const reused = new Set(events.filter((event) => event.type === 'node-reused').map((event) => event.node));
      for (const { node, do: does } of plan.steps) {
        if (does === 'run') expect(started, node).toContain(node);
        else if (does === 'reuse') expect(reused, node).toContain(node);
        else expect([...started, ...reused], node).toContain(node);
      }
      expect(run.code).toBe(0);
    },
  );

  it('with a gate that does not hold', async () => {
    const rig = ownStages(
      "const a = kept({ n: 1 }); return { a, b: stage('b', async () => ({}))({ gates: [atLeast(a, 'n' as never, 2)] }) };",
    );
    await rig.run('run', '--only', 'a');
    const { gates } = JSON.parse((await rig.run('plan', '--json')).stdout);
    expect(gates).toMatchObject([{ node: 'b', verdict: 'fail' }]);
    const run = await rig.run('run');
    expect(run.code).toBe(3);
    expect(run.stderr).not.toContain('[b] started');
  });
});

describe('a stage that is returned under two names', () => {
  it('is found by either', async () => {
    const rig = ownStages('const a = kept({ n: 1 }); return { a, best: a };');
    expect((await rig.run('run', '--only', 'best')).code).toBe(0);
    for (const name of ['a', 'best']) expect((await rig.run('inspect', name)).stdout, name).toContain('"n": 1');
    expect((await rig.run('plan', '--force', 'best')).stdout).toContain('forced');
  });
});

describe('a run that could not be planned', () => {
  it('leaves no trace that looks like a run that was killed', async () => {
    const rig = ownStages("return { one: stage('one', async () => ({}), { options: { path: file() } })({ path: './none.txt' }) };");
    expect((await rig.run('run')).code).toBe(2);
    expect((await rig.run('status')).stdout).toContain('never run');
  });
});

describe('two profiles', () => {
  it('that run at the same moment make the same artifacts, each whole', async () => {
    const rig = ownStages(`
      const next = stage('next', async ({ options, out }) => { writeFileSync(join(out, 'n.txt'), String(options.n).repeat(100_000)); return { n: options.n }; }, { options: { n: z.number() } });
      return Object.fromEntries(Array.from({ length: 12 }, (_, n) => ['n' + n, next({ n })]));`);
    const ends = await Promise.all(['dev', 'other', 'dev'].map((profile) => rig.run('run', '--profile', profile)));
    expect(ends.map((end) => end.code).sort()).toEqual(ends[2]?.code === 6 || ends[0]?.code === 6 ? [0, 0, 6] : [0, 0, 0]);
    expect((await rig.run('cache', 'verify')).stdout).toContain('12 artifacts, 12 whole');
    expect(readdirSync(rig.path('.modelflow/work'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())).toEqual(
      [],
    );
  });
});

describe('a store that something else wrote into', () => {
  it.each([
    ['format.json', '', 'MF6003'],
    ['format.json', '{}', 'MF6003'],
    ['format.json', 'null', 'MF6003'],
    ['locks/own/dev/1.json', '{', 'MF6001'],
  ])('%s with %j is no bug of ours', async (name, text, code) => {
    const rig = ownStages(build('{ a: 1 }'), { [`.modelflow/${name}`]: text });
    const end = await rig.run('run');
    expect(end.stderr).toContain(code);
    expect(end.stderr).not.toContain('MF9001');
    expect(end.code).toBe(code === 'MF6001' ? 6 : 8);
  });

  it('a lock that cannot be read is broken by `unlock`, and one that is held by a living run is not', async () => {
    const rig = ownStages(
      "return { one: stage('one', async ({ log }) => { log.info('at work'); while (!existsSync('go')) await pause(5); return {}; })({}) };",
      {
        '.modelflow/locks/own/dev/1.json': '{',
      },
    );
    expect((await rig.run('unlock')).stdout).toContain('could not be read');
    const run = rig.start(['run']);
    await run.says('at work');
    const unlock = await rig.run('unlock');
    expect(unlock.code).toBe(6);
    expect(unlock.stderr).toContain(`process ${run.child.pid}`);
    rig.write('go', '');
    expect((await run.finished).code).toBe(0);
  });
});
