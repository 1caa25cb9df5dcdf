import { execFile, execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { pipelineOf } from '../support/own-stages.ts';
import { makeRig, type Rig } from '../support/rig.ts';
import { ciTool } from './tools.ts';

const config = pipelineOf('return {};').replace("['dev', 'other']", "['dev', 'production']");
const workflowPath = '.github/workflows/modelflow.yml';

function repository(files: Readonly<Record<string, string>>, branch = 'main'): Rig {
  const rig = makeRig({ 'stages.ts': 'export {};', ...files });
  const git = (...args: string[]) => execFileSync('git', ['-C', rig.root, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args]);
  git('init', '-q', '-b', branch);
  return rig;
}

/** What actionlint finds wrong with a workflow, and what is wrong with the scripts in it. */
function lint(file: string): Promise<string> {
  return new Promise((resolve) => execFile(ciTool('actionlint'), ['-no-color', file], (_, stdout, stderr) => resolve(stdout + stderr)));
}

interface Job {
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency?: { readonly 'cancel-in-progress': boolean };
  readonly steps: readonly { readonly uses?: string; readonly run?: string; readonly env?: object; readonly with?: object }[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: object;
  readonly defaults: { readonly run: { readonly 'working-directory': string } };
  readonly jobs: Readonly<Record<string, Job>>;
}
const workflowOf = (rig: Rig): Workflow => parse(rig.read(workflowPath)) as Workflow;

describe('init --ci github', () => {
  it.each([
    ['npm', { 'package-lock.json': '{}' }],
    ['pnpm', { 'pnpm-lock.yaml': '' }],
    ['yarn', { 'yarn.lock': '', '.yarnrc.yml': '' }],
    ['yarn run', { 'yarn.lock': '' }],
    ['no lock file', {}],
  ])('writes a workflow that actionlint has nothing against: %s', async (name, files) => {
    const rig = repository({ 'deploy.config.ts': config.replace("import { Anything, kept, stage } from './stages';", ''), ...files });
    expect(await rig.run('init', '--ci', 'github')).toMatchObject({ code: 0 });
    expect(await lint(rig.path(workflowPath))).toBe('');
    const text = rig.read(workflowPath);
    expect(text).not.toMatch(/(?<!\$)\{\{/);
    expect(text).toContain(name === 'no lock file' ? 'npm install --no-save' : name.split(' ')[0]);
  });

  it('for a configuration in a folder of the repository, and its branch', async () => {
    const rig = repository(
      { 'models/deploy.config.ts': config.replace("import { Anything, kept, stage } from './stages';", ''), 'package-lock.json': '{}' },
      'master',
    );
    expect(await rig.start(['init', '--ci', 'github'], { cwd: rig.path('models') }).finished).toMatchObject({ code: 0 });
    expect(await lint(rig.path(workflowPath))).toBe('');
    const workflow = workflowOf(rig);
    expect(workflow.defaults.run['working-directory']).toBe('models');
    expect(workflow.on).toMatchObject({ push: { branches: ['master'] } });
    expect(rig.read(workflowPath)).toMatch(/models\/cache\.pack[\s\S]*models\/report\.json/);
  });

  it('writes a configuration as well where there is none', async () => {
    const rig = repository({});
    const done = await rig.run('init', '--ci', 'github');
    expect(done.stdout).toMatch(/wrote deploy\.config\.ts[\s\S]*wrote \.github\/workflows\/modelflow\.yml/);
  });

  it('overwrites nothing, and writes nothing then', async () => {
    const rig = repository({ [workflowPath]: 'mine' });
    const done = await rig.run('init', '--ci', 'github');
    expect(done.code).toBe(2);
    expect(done.stderr).toContain('MF1205');
    expect(rig.read(workflowPath)).toBe('mine');
    expect(rig.exists('deploy.config.ts')).toBe(false);
  });
});

describe('the workflow', () => {
  it('gives no token that writes to a job with code of the pull request', async () => {
    const rig = repository({});
    await rig.run('init', '--ci', 'github');
    const { on, permissions, jobs } = workflowOf(rig);
    expect(on).not.toHaveProperty('pull_request_target');
    expect(permissions).toEqual({});
    for (const [name, job] of Object.entries(jobs)) {
      const writes = Object.values(job.permissions).includes('write');
      expect(writes, name).toBe(name === 'comment');
      const isOfBase = JSON.stringify(job.steps).includes('github.event.pull_request.base.sha');
      expect(isOfBase, name).toBe(name === 'comment');
      for (const step of job.steps) {
        if (step.uses) expect(step.uses).toMatch(/^actions\/[\w/-]+@[0-9a-f]{40}$/);
        if (step.uses?.includes('checkout')) expect(step.with).toMatchObject({ 'persist-credentials': false });
        // What an expression says stands in a script as code.
        expect(step.run ?? '').not.toContain('${{');
        if (step.env) expect(name).toBe('comment');
      }
    }
    expect(rig.read(workflowPath).match(/@[0-9a-f]{40} # v\d+\.\d+\.\d+/g)?.length).toBe(rig.read(workflowPath).match(/uses: /g)?.length);
  });

  it('never stops a deployment half way', async () => {
    const rig = repository({});
    await rig.run('init', '--ci', 'github');
    const { jobs } = workflowOf(rig);
    expect(jobs['run']?.concurrency).toMatchObject({ 'cancel-in-progress': false });
    expect(jobs['plan']?.concurrency).toMatchObject({ 'cancel-in-progress': true });
  });
});
