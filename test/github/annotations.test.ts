import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import type { Finished, Rig } from '../support/rig.ts';
import { step } from './job.ts';
import { commandsIn } from './runner.ts';

const inGithub = (rig: Rig, ...args: readonly string[]): Promise<Finished> =>
  rig.start(args, { env: { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: rig.root } }).finished;
const annotations = ({ stdout, stderr }: Finished) => commandsIn(`${stdout}\n${stderr}`);

describe('in a GitHub job', () => {
  it('a mistake in the configuration is an annotation at its line', async () => {
    const rig = ownStages(
      "\nconst a = kept({});\nconst b = stage('b', async () => ({}), { options: { size: z.number() } })({ sizes: 3 });\nreturn { a, b };",
    );
    const done = await inGithub(rig, 'plan');
    expect(done.code).toBe(2);
    const [first] = annotations(done);
    const line =
      rig
        .read('deploy.config.ts')
        .split('\n')
        .findIndex((each) => each.includes('sizes: 3')) + 1;
    expect(first).toMatchObject({ command: 'error', properties: { file: 'deploy.config.ts', line: String(line) } });
    expect(first?.properties['title']).toMatch(/^MF110\d: /);
    expect(first?.message).toMatch(/`size` is missing\nhint: /);
  });

  it('a stage that fails is one at the line where the configuration calls it', async () => {
    const rig = ownStages("\nreturn { a: stage('a', async () => { throw new Error('50% lost: a, b'); })({}) };");
    const done = await inGithub(rig, 'run');
    expect(done.code).toBe(1);
    const [failed] = annotations(done);
    expect(failed).toMatchObject({ command: 'error', properties: { file: 'deploy.config.ts', title: 'MF3001: A stage failed (a)' } });
    const line =
      rig
        .read('deploy.config.ts')
        .split('\n')
        .findIndex((each) => each.includes('50% lost')) + 1;
    expect(failed?.properties['line']).toBe(String(line));
    expect(failed?.message).toContain('50% lost: a, b');
  });

  it('a gate that would refuse is one at the stage that waits for it', async () => {
    const rig = ownStages(
      '\nconst a = kept({ score: 1 });\nreturn { a, b: stage("b", async () => ({}))({ gates: [must(a, () => false, "never")] }) };',
    );
    await rig.run('run', '--only', 'a');
    const done = await step(rig, ['plan', '--github'], { pullRequest: undefined });
    const line =
      rig
        .read('deploy.config.ts')
        .split('\n')
        .findIndex((each) => each.includes('"never"')) + 1;
    expect(annotations(done)).toMatchObject([{ command: 'error', properties: { file: 'deploy.config.ts', line: String(line) } }]);
    expect(annotations(done)[0]?.message).toContain('never');
  });

  it('of a file outside the checkout, the place is told in words', async () => {
    const rig = ownStages('throw new Error("no");');
    const done = await rig.start(['plan'], { env: { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: rig.path('elsewhere') } }).finished;
    const [only] = annotations(done);
    expect(only?.properties).not.toHaveProperty('file');
    expect(only?.message).toContain(`at ${rig.path('deploy.config.ts')}:`);
  });

  it('what a stage says or throws is no command to the runner', async () => {
    const evil = JSON.stringify(['::stop-commands::x', '  ::error::planted', '##[add-mask]planted', 'x\r::warning::planted'].join('\n'));
    const rig = ownStages(`return { a: stage('a', async ({ log }) => { log.info(${evil}); throw new Error(${evil}); })({}) };`);
    const done = await inGithub(rig, 'run');
    expect(done.stderr).toContain('planted');
    expect(annotations(done).map(({ command, properties }) => [command, properties['title']])).toEqual([
      ['error', 'MF3001: A stage failed (a)'],
    ]);
  });

  it('of many mistakes ten are shown, the last of which counts the others', async () => {
    const calls = Array.from({ length: 14 }, (_, index) => `s${index}: stage('s', async () => ({}))({})`);
    const rig = ownStages(`const unused = [${calls.map((call) => call.slice(call.indexOf(' '))).join(',\n')}]; return { a: kept({}) };`);
    const done = await inGithub(rig, 'plan');
    const warnings = annotations(done).filter(({ command }) => command === 'warning');
    expect(warnings).toHaveLength(10);
    expect(warnings.at(-1)?.message).toBe('5 more warnings are in the log of this step.');
  });
});

it('elsewhere there are no annotations', async () => {
  const rig = ownStages('throw new Error("no");');
  expect(annotations(await rig.run('plan'))).toEqual([]);
});
