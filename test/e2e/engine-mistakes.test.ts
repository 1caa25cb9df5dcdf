import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';

describe('facts', () => {
  it.each([
    ['10n', 'bigint'],
    ['Number.NaN', 'NaN'],
    ['[1, Number.POSITIVE_INFINITY]', 'deep.1: Infinity'],
    ['new Date(0)', 'Date'],
    ['new Map([[1, 2]])', 'Map'],
    ['() => 1', 'function'],
    ['[undefined]', 'undefined'],
    ['(() => { const loop = {}; loop.loop = loop; return loop; })()', 'deep.loop: a loop'],
  ])('that JSON would change are refused: %s', async (value, words) => {
    const end = await ownStages(`return { one: kept({ deep: ${value} }) };`).run('run');
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('MF3004');
    expect(end.stderr).toContain(words);
  });

  it('are the same for what comes after, whether they were made now or read from the store', async () => {
    const rig = ownStages(`
      const one = kept({ zero: -0, gone: undefined, big: 1e300, least: 5e-324, exact: 0.1 + 0.2, text: '\\u2028\\ud800' });
      const two = stage('two', async ({ inputs }) => { appendFileSync('seen.txt', JSON.stringify(Object.entries(inputs.one.facts)) + '\\n'); return {}; }, { inputs: { one: Anything } });
      return { one, two: two({ one }) };`);
    expect((await rig.run('run')).code).toBe(0);
    expect((await rig.run('run', '--force', 'two')).code).toBe(0);
    const [first, second] = rig.read('seen.txt').trim().split('\n');
    expect(first).toBe(second);
    expect(JSON.parse(first ?? '')).toContainEqual(['exact', 0.1 + 0.2]);
    expect((await rig.run('cache', 'verify')).code).toBe(0);
  });
});

describe('a gate', () => {
  it.each([
    ["atLeast(one, 'score', 1)", 'a list is wanted'],
    ['null', 'a list is wanted'],
    ['[null]', 'null is no gate'],
    ["[atLeast(undefined as any, 'score', 1)]", '`on` is undefined'],
    ["[atLeast(one, 'score', Number.NaN)]", 'NaN'],
    ["[atLeast(one, 'score', undefined as any)]", 'undefined'],
    ['[any()]', 'no gates'],
    ["[all(must(one, 'yes' as any, 'm'))]", 'no function'],
  ])('that is none is found before anything runs: %s', async (gates, words) => {
    const end = await ownStages(
      `const one = kept({ score: 1 }); return { two: stage('two', async () => ({}))({ gates: ${gates} as any }) };`,
    ).run('plan');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('MF1101');
    expect(end.stderr).toContain(words);
    expect(end.stderr).toContain('deploy.config.ts');
  });

  it.each([
    ["atLeast(one, 'acuracy', 1)", 'Did you mean `accuracy`'],
    ["any(atLeast(one, 'accuracy', 1), dropAtMost(one, one, 'deep.lst', 1))", 'Did you mean `deep.last`'],
    ["atMost(one, 'accuracy', 1, { zzzzzz: 500 })", 'It can have accuracy, deep.last'],
  ])('on a number that its kind never has is found before anything runs: %s', async (gate, words) => {
    const end = await ownStages(
      `const Score = defineArtifact('score', z.object({ accuracy: z.number().optional(), name: z.string(), deep: z.strictObject({ last: z.int() }).nullable() }));
       const one = stage('one', async () => ({}), { output: Score })({});
       return { two: stage('two', async () => ({}))({ gates: [${gate}] }) };`,
    ).run('plan');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('MF1108');
    expect(end.stderr).toContain('which no score has');
    expect(end.stderr).toContain(words);
    expect(end.stderr).toContain('deploy.config.ts');
  });

  it('on a number that is left out this time names those that are there', async () => {
    const end = await ownStages(
      `const Score = defineArtifact('score', z.object({ accuracy: z.number().optional(), r2: z.number().optional() }));
       const one = stage('one', async () => ({ r2: 0.5 }), { output: Score })({});
       return { two: stage('two', async () => ({}))({ gates: [atLeast(one, 'accuracy', 0.5)] }) };`,
    ).run('run');
    expect(end.code).toBe(3);
    expect(end.stderr).toContain('there is no number `accuracy` among the facts; there are r2');
  });

  it('that refuses what is there now is no plan with nothing to do', async () => {
    const rig = ownStages('return { two: stage("two", async () => ({}))({ gates: [atLeast(kept({ score: 1 }), "score", 1)] }) };');
    expect((await rig.run('run')).code).toBe(0);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
    rig.write('deploy.config.ts', rig.read('deploy.config.ts').replace('"score", 1)', '"score", 2)'));
    const plan = await rig.run('plan', '--detailed-exitcode');
    expect(plan.stdout).toContain('A run would be refused: 2 reused, 1 gate refused.');
    expect(plan.code).toBe(3);
    expect((await rig.run('run')).code).toBe(3);
  });

  it('in code that answers anything but true does not open', async () => {
    for (const answer of ['(async () => true) as any', "() => 'yes' as any", '() => 1 as any']) {
      const end = await ownStages(
        `const one = kept({ score: 1 }); return { two: stage('two', async () => ({}))({ gates: [must(one, ${answer}, 'm')] }) };`,
      ).run('run');
      expect(end.code, answer).toBe(3);
      expect(end.stderr).toContain('not true or false');
    }
  });
});

describe('a stage that failed', () => {
  it('is shown at its call in the configuration, and does not stand for what it does not feed', async () => {
    const rig = ownStages(`
      const broken = stage('broken', async () => { throw failure('MF3105', 'the bytes are odd'); })({});
      const one = kept({});
      return { broken, needing: stage('needing', async () => ({}), { inputs: { one: Anything } })({ one: broken }), one, aside: stage('aside', async () => ({}), { inputs: { one: Anything } })({ one }) };`);
    const end = await rig.run('run', '--concurrency', '1');
    expect(end.code).toBe(1);
    expect(end.stderr).toMatch(/error MF3105: the bytes are odd\n {2}at deploy\.config\.ts:\d+:\d+, `broken`\n/);
    expect(end.stderr).toMatch(/> +\d+ \| +const broken = stage\(/);
    expect(end.stderr).toContain('[needing] skipped: it needs broken, which did not finish');
    expect(end.stderr).toContain('[aside] not begun: the run was ending');
  });
});

describe('a target that throws', () => {
  const rig = (): ReturnType<typeof ownStages> =>
    ownStages(`
      const fails = (word: string) => { if (existsSync('throws')) throw new Error('the cloud says 500 to ' + word); };
      const nothing = { service: 'svc', url: undefined, revisions: [], token: '0', settings: {} };
      const cloud = defineTarget({ name: 'cloud', version: 1, settings: {}, runs: [Anything], check: async () => [],
        remove: async () => fails('remove'), probe: async () => ({ ok: true as const }),
        read: async () => { fails('read'); return existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : nothing; },
        apply: async (_, want) => {
          const live = { ...nothing, url: 'http://svc', revisions: want.revisions.map(({ stamp }) => ({ id: '1', stamp, weight: 100, health: 'ready' })) };
          writeFileSync('live.json', JSON.stringify(live));
          return live as any;
        },
        async *logs() { fails('logs'); } });
      const put = stage('put', async ({ live }) => ({ url: live.url }), { inputs: { what: Anything }, deploys: () => ({ target: (cloud as any)({}), service: 'svc', slot: 'what' }) });
      return { live: put({ what: kept({}) }) };`);

  it('fails by itself, whichever command asks it, and is not taken for a bug of ours', async () => {
    const given = rig();
    expect((await given.run('run')).code).toBe(0);
    given.write('throws', '');
    for (const [command = '', ...more] of [['plan'], ['run'], ['status'], ['rollback'], ['down'], ['releases'], ['logs', 'svc']]) {
      const end = await given.run(command, ...more);
      const asked = command === 'down' ? 'remove' : command === 'logs' ? 'logs' : 'read';
      // One service that cannot be asked hides nothing of the others: it is a line of the status.
      const said = command === 'status' ? end.stdout : end.stderr;
      expect(said, command).toContain(`MF3001: \`live\` (\`${asked} of cloud\` of put) failed: the cloud says 500 to ${asked}`);
      expect(end.stderr, command).not.toMatch(/MF9001|\/dist\//);
      expect(end.code, command).toBe(1);
    }
  });
});
