import { readdirSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Account } from '../../core/plan/account.ts';
import { ownStages, pipelineOf } from '../support/own-stages.ts';
import { makeRig, type Rig, stagesModule } from '../support/rig.ts';

const chain = (more = ''): string => `
import { definePipeline } from 'modelflow';
import { first, source, upper } from './stages.ts';
export default definePipeline({ name: 'chain', build: () => {
  const text = source({ path: './a.txt' });
  const loud = upper({ text ${more} });
  return { text, loud, one: first({ text: loud }) };
} });
`;

const chained = (): Rig => makeRig({ 'stages.ts': stagesModule, 'deploy.config.ts': chain(), 'a.txt': 'hello world' });

async function why(rig: Rig, ...args: string[]): Promise<readonly Account[]> {
  const end = await rig.run('why', '--json', ...args);
  expect(end.code, end.stderr).toBe(0);
  return JSON.parse(end.stdout)[0].accounts;
}

describe('why a stage will run', () => {
  it('leads from what waits down to the file that changed, with its bytes and the first that differs', async () => {
    const rig = chained();
    await rig.run('run');
    rig.write('a.txt', 'hellO world, all of it');
    const accounts = await why(rig, 'one');
    expect(accounts.map(({ node, fate }) => [node, fate])).toEqual([
      ['one', 'decided-later'],
      ['loud', 'decided-later'],
      ['text', 'will-run'],
    ]);
    expect(accounts[2]?.place).toBe('deploy.config.ts:5');
    expect(accounts[2]?.reasons[0]).toMatchObject({
      cause: { why: 'source-changed', path: 'path' },
      evidence: [
        { of: 'file', path: './a.txt', before: { sizeBytes: 11 }, after: { sizeBytes: 22 }, firstDifferentByte: 4, differentBytes: 1 },
      ],
    });
    const { stdout } = await rig.run('why', 'one');
    expect(stdout).toContain('./a.txt changed (option `path`) -> text -> loud -> one');
    expect(stdout).toContain('11 -> 22 bytes (11 more); first different byte at 4');
  });

  it('leads through an artifact that was made meanwhile to the run that made it and what had changed then', async () => {
    const rig = chained();
    await rig.run('run');
    rig.write('a.txt', 'hello there');
    await rig.run('run', '--only', 'text');
    const [one, loud, text] = await why(rig, 'one');
    expect([one?.fate, loud?.fate, text?.fate]).toEqual(['decided-later', 'will-run', 'ran']);
    expect(loud?.reasons[0]).toMatchObject({ cause: { why: 'input-changed', slot: 'text' }, from: 'text' });
    expect(loud?.reasons[0]?.evidence[0]).toMatchObject({ of: 'file', path: 'text.txt', firstDifferentByte: 6 });
    expect(text?.run).toMatch(/^000002-/);
    expect(text?.reasons[0]).toMatchObject({ cause: { why: 'source-changed' }, evidence: [{ path: './a.txt' }] });
  });

  it('names the option, and says that what waits will run for a change of its own', async () => {
    const rig = chained();
    await rig.run('run');
    rig.write('deploy.config.ts', chain(", suffix: '!'"));
    rig.write('a.txt', 'other');
    const accounts = await why(rig, 'loud');
    expect(accounts[0]?.fate).toBe('will-run');
    expect(accounts[0]?.reasons.map(({ cause }) => cause)).toEqual([
      { why: 'option-changed', path: 'suffix', from: '', to: '!' },
      { why: 'waits-for', node: 'text' },
    ]);
  });

  it('names the file of the code that changed, the one that is new and the one that is gone', async () => {
    const rig = chained();
    rig.write('lib/rounding.ts', 'export const digits = 2;');
    rig.write('stages.ts', `import './lib/rounding.ts';\n${stagesModule}`);
    await rig.run('run');
    rig.write('lib/rounding.ts', 'export const digits = 3;');
    const [changed] = await why(rig, 'text');
    expect(changed?.reasons[0]?.cause.why).toBe('code-changed');
    expect(changed?.reasons[0]?.evidence).toMatchObject([{ of: 'file', path: 'lib/rounding.ts', before: {}, after: {} }]);
    expect((await rig.run('why', 'text')).stdout).toContain('lib/rounding.ts changed (code of the stage)');
    rig.write('lib/other.ts', '');
    rig.write('stages.ts', `import './lib/other.ts';\n${stagesModule}`);
    const [moved] = await why(rig, 'text');
    const evidence = moved?.reasons[0]?.evidence as unknown as { path: string; before?: object; after?: object }[];
    expect(evidence.map(({ path, before, after }) => [path, before !== undefined, after !== undefined])).toEqual([
      ['lib/other.ts', false, true],
      ['lib/rounding.ts', true, false],
      ['stages.ts', true, true],
    ]);
  });

  it('names each file of a folder that changed', async () => {
    const read = "stage('read', async () => ({}), { options: { saved: folder() } })({ saved: './saved' })";
    const rig = ownStages(`return { read: ${read} };`, { 'saved/a.bin': 'aaaa', 'saved/deep/b.bin': 'b', 'saved/c.bin': 'c' });
    await rig.run('run');
    rig.write('saved/deep/b.bin', 'bb');
    rig.write('saved/new.bin', 'n');
    rmSync(rig.path('saved/c.bin'));
    const [account] = await why(rig, 'read');
    expect(account?.reasons[0]?.evidence).toMatchObject([
      { path: 'saved/c.bin', before: { sizeBytes: 1 } },
      { path: 'saved/deep/b.bin', before: { sizeBytes: 1 }, after: { sizeBytes: 2 } },
      { path: 'saved/new.bin', after: { sizeBytes: 1 } },
    ]);
  });

  it('shows how it failed the last time, and what had changed since it was last made', async () => {
    const rig = chained();
    await rig.run('run');
    rig.write('deploy.config.ts', chain(', fail: true'));
    expect((await rig.run('run')).code).toBe(1);
    const [loud] = await why(rig, 'loud');
    expect(loud?.reasons.map(({ cause }) => cause.why)).toEqual(['last-run-failed', 'option-changed']);
    expect(loud?.reasons[0]?.evidence[0]).toMatchObject({ of: 'failure', diagnostics: [{ code: 'MF3001' }] });
    expect((await rig.run('why', 'loud')).stdout).toContain('told to fail');
    const [failed] = await why(rig, 'loud', '--run');
    expect(failed?.fate).toBe('failed');
    const [one, because] = await why(rig, 'one', '--run');
    expect([one?.fate, one?.reasons[0]?.cause, because?.fate]).toEqual(['skipped', { why: 'skipped-for', node: 'loud' }, 'failed']);
  });

  it('tells a stage that makes other bytes of the same inputs, and a slot that another stage fills', async () => {
    const build = (use: string): string => `
      const read = (name: string) => stage(name, async ({ out }) => { const n = String(process.hrtime.bigint()); writeFileSync(join(out, 'n.txt'), n); return { n }; })({});
      const [a, b] = [read('a'), read('b')];
      return { a, b, use: stage('use', async () => ({}), { inputs: { what: Anything } })({ what: ${use} }) };`;
    const rig = ownStages(build('a'));
    await rig.run('run');
    await rig.run('run', '--only', 'a', '--force');
    const [use, a] = await why(rig, 'use');
    expect(use?.reasons[0]).toMatchObject({ cause: { why: 'input-changed' }, from: 'a' });
    expect(a?.reasons.map(({ cause }) => cause.why)).toEqual(['other-bytes']);
    rig.write('deploy.config.ts', pipelineOf(build('b')));
    const causes = (await why(rig, 'use')).flatMap(({ reasons }) => reasons.map(({ cause }) => cause));
    expect(causes).toContainEqual({ why: 'rewired', slot: 'what', from: 'a', to: 'b' });
  });
});

describe('why a stage is reused', () => {
  it('says which run made it, what was compared, and what came out with the same bytes since', async () => {
    const rig = chained();
    await rig.run('run');
    const [one] = await why(rig, 'one');
    expect(one).toMatchObject({ fate: 'will-be-reused', made: { run: expect.stringMatching(/^000001-/) }, compared: { stage: 'first' } });
    // The stage trims it away.
    rig.write('a.txt', 'hello world\n');
    await rig.run('run');
    const [cut] = await why(rig, 'loud');
    expect(cut?.fate).toBe('will-be-reused');
    expect(cut?.reasons).toMatchObject([{ cause: { why: 'same-bytes', node: 'text' } }]);
    const [then] = await why(rig, 'loud', '--run', '2');
    expect(then).toMatchObject({ fate: 'was-reused', made: { run: expect.stringMatching(/^000001-/) } });
  });
});

describe('why of a run that was', () => {
  it('tells why it ran then, whatever has changed since', async () => {
    const rig = chained();
    await rig.run('run');
    rig.write('deploy.config.ts', chain(", suffix: '!'"));
    await rig.run('run');
    rig.write('deploy.config.ts', chain(", suffix: '?'"));
    await rig.run('run', '--force', 'loud');
    const reasons = async (run: string) => (await why(rig, 'loud', '--run', run))[0]?.reasons.map(({ cause }) => cause);
    expect(await reasons('1')).toEqual([{ why: 'never-ran' }]);
    expect(await reasons('000002')).toEqual([{ why: 'option-changed', path: 'suffix', from: '', to: '!' }]);
    expect(await reasons(readdirSync(rig.path('.modelflow/runs/chain/default'))[2] ?? '')).toEqual([{ why: 'forced' }]);
  });

  it('that is not on record, or never looked at the stage, is a mistake with a hint', async () => {
    const rig = chained();
    expect((await rig.run('why', 'one', '--run')).stderr).toContain('MF1206');
    await rig.run('run', '--only', 'text');
    const none = await rig.run('why', 'one', '--run', '1');
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('MF1230')]);
    expect((await rig.run('why', 'text', '--run', '7')).stderr).toContain('there is no run 7 on record');
    expect((await rig.run('why', 'onne')).stderr).toContain('Did you mean `one`?');
  });
});
