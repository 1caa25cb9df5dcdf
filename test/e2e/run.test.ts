import { describe, expect, it } from 'vitest';
import { filesBelow, makeRig, type Rig, stagesModule } from '../support/rig.ts';

const config = (build: string): string => `
import { all, any, atLeast, atMost, definePipeline, dropAtMost, must } from 'modelflow';
import { first, join_, source, upper } from './stages';
export default definePipeline({ name: 'letters', profiles: ['dev', 'production'], build: ({ profile }) => { ${build} } });
`;

const letters = (build: string, text = 'hello'): Rig =>
  makeRig({ 'a.txt': `${text}\n`, 'stages.ts': stagesModule, 'deploy.config.ts': config(build) });

const chain = (suffix: string): string => `
  const text = source({ path: './a.txt' });
  const big = upper({ text, suffix: '${suffix}' });
  const initial = first({ text: big });
  return { text, big, initial };`;

describe('a run', () => {
  it('makes every stage once, and nothing on the second run', async () => {
    const rig = letters(chain('!'));
    expect((await rig.run('run')).code).toBe(0);
    expect(rig.notes()).toEqual(['source hello', 'upper HELLO!', 'first H']);
    const again = await rig.run('run');
    expect(again.code).toBe(0);
    expect(rig.notes()).toHaveLength(3);
    expect(again.stderr).toContain('3 reused');
  });

  it('runs only what depends on a changed option, and stops where the bytes come out the same', async () => {
    const rig = letters(chain('!'));
    await rig.run('run');
    rig.write('deploy.config.ts', config(chain('?')));
    const plan = await rig.run('plan');
    expect(plan.stdout).toMatch(/option `suffix` changed: "!" -> "\?"/);
    expect(plan.stdout).toContain('later  initial');
    await rig.run('run');
    // `first` gives H again, but its input has changed, so it ran; what is behind it would not.
    expect(rig.notes().slice(3)).toEqual(['upper HELLO?', 'first H']);
  });

  it('reuses what lies behind a stage that ran again and gave the same bytes', async () => {
    const rig = letters(
      `${chain('!').replace('return', 'const joined = join_({ texts: [initial] }); return')}`.replace('initial };', 'initial, joined };'),
    );
    await rig.run('run');
    rig.write('a.txt', 'help\n');
    await rig.run('run');
    expect(rig.notes().slice(4)).toEqual(['source help', 'upper HELP!', 'first H']);
  });

  it('says that the bytes of a source have changed, and by how much', async () => {
    const rig = letters(chain('!'));
    await rig.run('run');
    rig.write('a.txt', 'good day\n');
    const plan = await rig.run('plan');
    expect(plan.stdout).toMatch(/run\s+text\s+source.*path.*6 B.*9 B|6 bytes.*9 bytes/s);
  });

  it('runs a stage of the user again when its code has changed, but not for a comment elsewhere in the pipeline', async () => {
    const rig = letters(chain('!'));
    await rig.run('run');
    rig.write('deploy.config.ts', `// a remark\n${config(chain('!'))}`);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
    rig.write('stages.ts', stagesModule.replace('toUpperCase()', 'toLowerCase()'));
    const plan = await rig.run('plan', '--detailed-exitcode');
    expect(plan.code).toBe(10);
    expect(plan.stdout).toMatch(/code/);
  });

  it('names, paths and gates are no part of what decides a reuse', async () => {
    const rig = letters(chain('!'));
    await rig.run('run');
    rig.write('b.txt', 'hello\n');
    rig.write(
      'deploy.config.ts',
      config(`
      const words = source({ path: './b.txt' });
      const loud = upper({ text: words, suffix: '!', gates: [atLeast(words, 'length', 2)], retries: 3 });
      return { loud, start: first({ text: loud }) };`),
    );
    const again = await rig.run('run');
    expect(again.code).toBe(0);
    expect(rig.notes()).toHaveLength(3);
  });

  it('makes only the named stage and what it needs with --only, by node or by stage name', async () => {
    const rig = letters(chain('!'));
    await rig.run('run', '--only', 'upper');
    expect(rig.notes()).toEqual(['source hello', 'upper HELLO!']);
    await rig.run('run', '--only', 'initial');
    expect(rig.notes()).toEqual(['source hello', 'upper HELLO!', 'first H']);
  });

  it('makes the named stage again with --force', async () => {
    const rig = letters(chain('!'));
    await rig.run('run');
    await rig.run('run', '--force', 'big');
    expect(rig.notes().slice(3)).toEqual(['upper HELLO!']);
  });

  it('keeps profiles apart in state but shares what was made', async () => {
    const rig = letters(chain('!'));
    await rig.run('run');
    const other = await rig.run('run', '--profile', 'production');
    expect(other.code).toBe(0);
    expect(rig.notes()).toHaveLength(3);
    expect(filesBelow(rig.path('.modelflow/runs/letters')).map((path) => path.split('/')[0])).toContain('production');
  });

  it('plans without writing anything', async () => {
    const rig = letters(chain('!'));
    const before = filesBelow(rig.root);
    expect((await rig.run('plan')).code).toBe(0);
    expect((await rig.run('run', '--dry-run')).code).toBe(0);
    expect(filesBelow(rig.root)).toEqual(before);
    await rig.run('run');
    const after = filesBelow(rig.root);
    await rig.run('plan', '--json');
    expect(filesBelow(rig.root)).toEqual(after);
  });

  it('gives the plan as JSON with causes as data', async () => {
    const rig = letters(chain('!'));
    await rig.run('run');
    rig.write('deploy.config.ts', config(chain('?')));
    const plan = JSON.parse((await rig.run('plan', '--json')).stdout);
    expect(plan.steps.map((step: { do: string }) => step.do)).toEqual(['reuse', 'run', 'decide-later']);
    expect(plan.steps[1].because).toEqual([{ why: 'option-changed', path: 'suffix', from: '!', to: '?' }]);
  });

  it('writes the events of a run as JSON lines with --json, and nothing else on stdout', async () => {
    const rig = letters(chain('!'));
    const { stdout } = await rig.run('run', '--json');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events[0].type).toBe('run-started');
    expect(events.at(-1)).toMatchObject({ type: 'run-ended', outcome: 'ok' });
    expect(events.filter((event) => event.type === 'node-finished').map((event) => event.node)).toEqual(['text', 'big', 'initial']);
  });

  it('works from a subfolder and with --config from elsewhere', async () => {
    const rig = letters(chain('!'));
    rig.write('deep/er/x.txt', '');
    expect((await rig.start(['run'], { cwd: rig.path('deep/er') }).finished).code).toBe(0);
    expect((await rig.start(['plan', '--config', rig.root], { cwd: '/' }).finished).stdout).toContain('3 reused');
  });
});

describe('a gate', () => {
  const gated = (gate: string): Rig =>
    letters(
      `const text = source({ path: './a.txt' }); const big = upper({ text }); const last = first({ text: big, gates: [${gate}] }); return { text, big, last };`,
    );

  it.each([
    ["atLeast(big, 'length', 5)", 0],
    ["atMost(big, 'score', 0.5)", 0],
    ["dropAtMost(text, big, 'score', 0)", 0],
    ["any(atLeast(big, 'length', 99), atLeast(big, 'length', 1))", 0],
    ["must(big, (facts) => facts.length === 5, 'five letters')", 0],
    ["atLeast(big, 'length', 6)", 3],
    ["all(atLeast(big, 'length', 1), atMost(big, 'length', 4))", 3],
    ["atLeast(big, 'length', 1, { length: 9 })", 3],
    ["must(big, (facts) => facts.length === 6, 'six letters')", 3],
  ])('%s ends with exit code %i', async (gate, code) => {
    const rig = gated(gate);
    expect((await rig.run('run')).code).toBe(code);
    expect(rig.notes().includes('first H')).toBe(code === 0);
  });

  it('that refuses says by how much, and refuses again when nothing has changed', async () => {
    const rig = gated("atLeast(big, 'length', 6)");
    for (const again of [await rig.run('run'), await rig.run('run')]) {
      expect(again.code).toBe(3);
      expect(again.stderr).toContain('MF4001');
      expect(again.stderr).toContain('length is 5: missed by 1');
    }
    const plan = await rig.run('plan');
    expect(plan.stdout).toMatch(/missed by 1/);
  });

  it('with too little data says how much more is needed', async () => {
    const rig = gated("atLeast(big, 'length', 1, { length: 9 })");
    const run = await rig.run('run');
    expect(run.stderr).toContain('MF4002');
    expect(run.stderr).toContain('length is 5: 4 more needed');
  });
});

describe('a failing stage', () => {
  it('ends the run with exit code 1, leaves nothing half-written, and is tried again by the next run', async () => {
    const rig = letters(
      `const text = source({ path: './a.txt' }); const big = upper({ text, fail: true }); return { big, last: first({ text: big }) };`,
    );
    const run = await rig.run('run');
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('MF3001');
    expect(run.stderr).toContain('told to fail');
    expect(filesBelow(rig.path('.modelflow/work'))).toEqual([]);
    expect((await rig.run('plan')).stdout).toContain('failed');
    await rig.run('run');
    expect(rig.notes()).toEqual(['source hello', 'upper HELLO', 'upper HELLO']);
  });

  it('is tried as often as retries say', async () => {
    const rig = letters(`const text = source({ path: './a.txt' }); return { big: upper({ text, fail: true, retries: 1 }) };`);
    expect((await rig.run('run')).code).toBe(1);
    expect(rig.notes()).toEqual(['source hello', 'upper HELLO', 'upper HELLO']);
  });

  it('is stopped when its time is up', async () => {
    const rig = letters(
      `const text = source({ path: './a.txt' }); return { big: upper({ text, waitFor: '/does/not/exist', timeoutMs: 300 }) };`,
    );
    const run = await rig.run('run');
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('MF3002');
  });

  it('that returns other facts than its kind has is refused', async () => {
    const rig = letters(`const text = source({ path: './a.txt' }); return { big: upper({ text }) };`);
    rig.write('stages.ts', stagesModule.replace('length: text.length,', "length: 'long',"));
    const run = await rig.run('run');
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('MF3004');
  });

  it('that leaves a link behind is refused', async () => {
    const rig = letters(`return { text: source({ path: './a.txt' }) };`);
    rig.write(
      'stages.ts',
      stagesModule.replace("note('source ' + text);", "(await import('node:fs')).symlinkSync('/etc/hostname', join(out, 'link'));"),
    );
    const run = await rig.run('run');
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('MF3005');
  });

  it('that changes its own source while it runs is not stored', async () => {
    const rig = letters(`return { text: source({ path: './a.txt' }) };`);
    rig.write('stages.ts', stagesModule.replace("note('source ' + text);", "writeFileSync(options.path.path, 'other');"));
    const run = await rig.run('run');
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('MF3003');
  });
});
