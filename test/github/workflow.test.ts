import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import { cliPath, type Rig } from '../support/rig.ts';
import { type GithubServer, githubServer, tokenOfJob } from './server.ts';
import { ciTool } from './tools.ts';

const standIns = fileURLToPath(new URL('./actions/', import.meta.url));
const repositoryRoot = fileURLToPath(new URL('../../', import.meta.url));

/** A repository with a pipeline and its workflow, and a folder for what the stand-ins keep. */
interface Project {
  readonly rig: Rig;
  readonly standIn: string;
  commit(): string;
  /** Runs the jobs of an event with act. */
  act(
    event: 'pull_request' | 'push' | 'schedule',
    more?: { readonly server?: GithubServer; readonly base?: string; readonly run?: number },
  ): Promise<Acted>;
}

interface Acted {
  readonly code: number | null;
  readonly log: string;
}

function project(build: string): Project {
  const rig = ownStages(build, { 'package-lock.json': '{}', '.gitignore': '.modelflow/\nnode_modules/\nnotes.txt\n' });
  const standIn = mkdtempSync(join(tmpdir(), 'modelflow-stand-in-'));
  onTestFinished(() => rmSync(standIn, { recursive: true, force: true }));
  symlinkSync(rig.root, join(standIn, 'repository'));
  toolsIn(join(standIn, 'tools'));
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', rig.root, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
  git('init', '-q', '-b', 'main');
  git('remote', 'add', 'origin', 'https://github.com/acme/models');
  const commit = (): string => {
    git('add', '-A');
    git('commit', '-q', '-m', 'a change');
    return git('rev-parse', 'HEAD');
  };
  return { rig, standIn, commit, act: (event, more = {}) => act(rig, standIn, event, { head: git('rev-parse', 'HEAD'), run: 1, ...more }) };
}

/** Node, and an npm whose `ci` puts the built modelflow where the real one would. */
function toolsIn(folder: string): void {
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, 'node'));
  const npm = `#!/bin/sh\nset -e\ntest "$1" = ci\nmkdir -p node_modules/.bin\nln -sf ${cliPath} node_modules/.bin/modelflow\nchmod +x ${cliPath}\n`;
  writeFileSync(join(folder, 'npm'), npm, { mode: 0o755 });
}

async function act(
  rig: Rig,
  standIn: string,
  event: string,
  given: { readonly head: string; readonly base?: string; readonly server?: GithubServer; readonly run: number },
): Promise<Acted> {
  const { head, base = head, server, run } = given;
  const repo = { full_name: 'acme/models' };
  const pull = { number: 7, head: { sha: head, ref: 'change', repo }, base: { sha: base, ref: 'main', repo } };
  const events: Readonly<Record<string, object>> = {
    pull_request: { number: 7, pull_request: pull },
    push: { ref: 'refs/heads/main' },
    schedule: {},
  };
  writeFileSync(join(standIn, 'event.json'), JSON.stringify(events[event]));
  const env = { STAND_IN: standIn, STAND_IN_COMMIT: head, GITHUB_RUN_ID: String(run), ...(server ? { GITHUB_API_URL: server.url } : {}) };
  const args = [
    ...[event, '-P', 'ubuntu-latest=-self-hosted', '-e', join(standIn, 'event.json'), '-s', `GITHUB_TOKEN=${tokenOfJob}`],
    ...['--no-skip-checkout', '--no-cache-server', '--action-cache-path', join(standIn, 'act')],
    ...localActions(rig, standIn).flatMap((each) => ['--local-repository', each]),
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(ciTool('act'), args, { cwd: rig.root, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (log += text));
    child.on('error', reject).on('close', (code) => resolve({ code, log }));
  });
}

/** The actions that the workflow names, each with the folder that stands in for its repository. */
function localActions(rig: Rig, standIn: string): readonly string[] {
  const named = rig.read('.github/workflows/modelflow.yml').matchAll(/uses: (actions\/([\w-]+))(?:\/\w+)?@(\S+)/g);
  return [
    ...new Set(
      [...named].map(
        ([, repository, name = '', at]) => `${repository}@${at}=${name === 'modelflow' ? join(standIn, name) : join(standIns, name)}`,
      ),
    ),
  ];
}

describe('the workflow, run by act with stand-ins for the actions that cannot be fetched here', () => {
  it('has a stand-in for each action that it uses', async () => {
    const { rig } = project('return { a: kept({ size: 1 }) };');
    await rig.run('init', '--ci', 'github');
    const used = new Set([...rig.read('.github/workflows/modelflow.yml').matchAll(/uses: actions\/([\w-]+)/g)].map(([, name]) => name));
    const there = readdirSync(standIns).filter((name) => !name.endsWith('.md'));
    expect([...used].sort()).toEqual(there.sort());
  });

  it('comments on a pull request with the plan of its code, in a job that has only the code of the base', async () => {
    const server = await githubServer();
    const { rig, commit, act } = project('return { a: kept({ size: 1 }) };');
    await rig.run('init', '--ci', 'github');
    const base = commit();
    rig.write('deploy.config.ts', rig.read('deploy.config.ts').replace('return {', 'return { b: kept({ size: 2 }),'));
    commit();
    const done = await act('pull_request', { server, base });
    expect(done.code, done.log).toBe(0);
    expect(server.comments.map(({ body }) => body)).toEqual([
      expect.stringMatching(/^<!-- modelflow plan: own\/dev -->[\s\S]*2 to run[\s\S]*`b`/),
    ]);
  });

  it('fails the plan job on a mistake in the configuration, and says so in the comment that was there', async () => {
    const server = await githubServer();
    const { rig, commit, act } = project('return { a: kept({ size: 1 }) };');
    await rig.run('init', '--ci', 'github');
    const base = commit();
    await act('pull_request', { server, base });
    rig.write('deploy.config.ts', 'export default 1;\n');
    commit();
    const done = await act('pull_request', { server, base, run: 2 });
    expect(done.code).not.toBe(0);
    expect(server.comments.map(({ body }) => body)).toEqual([expect.stringMatching(/There is no plan[\s\S]*MF1003/)]);
  });

  it('runs a push, keeps what was made for the next, and looks for drift by night', async () => {
    const { rig, commit, act } = project(
      "return { a: stage('a', async ({ out }) => { writeFileSync(join(out, 'a'), 'a'); return {}; })({}) };",
    );
    await rig.run('init', '--ci', 'github');
    commit();
    const first = await act('push');
    expect(first.code, first.log).toBe(0);
    expect(first.log).toMatch(/done in .*: 1 made/);
    const second = await act('push', { run: 2 });
    expect(second.log).toMatch(/done in .*: 1 reused/);
    expect(await act('schedule', { run: 3 })).toMatchObject({ code: 0 });
  });
});

describe('the action of this repository, run by act', () => {
  it('plans, gives outputs, and ends well when there is something to do', async () => {
    const server = await githubServer();
    const { rig, standIn, commit } = project('return { a: kept({ size: 1 }) };');
    const action = join(standIn, 'modelflow');
    mkdirSync(action);
    cpSync(join(repositoryRoot, 'action.yml'), join(action, 'action.yml'));
    rig.write('.github/workflows/modelflow.yml', workflowWithAction);
    const head = commit();
    const done = await act(rig, standIn, 'pull_request', { head, server, run: 1 });
    expect(done.code, done.log).toBe(0);
    expect(done.log).toMatch(/outputs: true 10 1 to run [0-9a-f]{64}/);
    expect(done.log).toMatch(/refused: 2/);
    expect(server.comments).toHaveLength(1);
  });
});

const workflowWithAction = `
on: pull_request
jobs:
  plan:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v0
        with: { persist-credentials: false }
      - uses: actions/setup-node@v0
        with: { node-version: 24 }
      - run: npm ci
      - id: plan
        uses: actions/modelflow@v0
        with: { profile: dev, out: plan.json, comment: true }
      - run: 'echo "outputs: \${{ steps.plan.outputs.has-changes }} \${{ steps.plan.outputs.exit-code }} \${{ steps.plan.outputs.summary }} \${{ steps.plan.outputs.plan-digest }}"'
      - id: wrong
        continue-on-error: true
        uses: actions/modelflow@v0
        with: { profile: 'no; echo planted' }
      - run: 'echo "refused: \${{ steps.wrong.outputs.exit-code }}"'
`;
