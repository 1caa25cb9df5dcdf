// The tools that modelflow is measured beside, each with the same pipeline: a file that is copied again and again, stage by stage.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One tool in a folder of its own. */
export interface Peer {
  readonly name: string;
  /** The file that the first stage reads. */
  readonly input: string;
  /** What would be done? Undefined where the tool cannot say. */
  readonly plan: Command | undefined;
  readonly run: Command;
}

const versions = { dvc: '3.67.1', wireit: '0.14.13', turbo: '2.11.11' };
const cli = fileURLToPath(new URL('../../../dist/core/cli/bin.js', import.meta.url));

/** Installed once, outside of the repository. */
export const benchCache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'modelflow-bench');

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

/** Stages of a package, as a team shares them: they run in the process of the CLI, like those that come with modelflow. */
const stages = `import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineArtifact, defineStage, file, z } from 'modelflow';
const Copy = defineArtifact('copy', z.object({}));
export const first = defineStage({ name: 'first', version: 1, inputs: {}, options: { from: file() }, output: Copy,
  run: async ({ options, out }) => (await copyFile(options.from.path, join(out, 'o.txt')), {}) });
export const next = defineStage({ name: 'next', version: 1, inputs: { from: Copy }, options: { n: z.number() }, output: Copy,
  run: async ({ inputs, out }) => (await copyFile(join(inputs.from.path, 'o.txt'), join(out, 'o.txt')), {}) });
`;

export function modelflow(folder: string, count: number): Peer {
  write(folder, {
    'in.txt': 'in',
    'node_modules/bench-stages/package.json': '{ "name": "bench-stages", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
    'node_modules/bench-stages/index.js': stages,
    'deploy.config.ts': `import { definePipeline } from 'modelflow';
import { first, next } from 'bench-stages';
export default definePipeline({ name: 'bench', build: () => {
  let last = first({ from: 'in.txt' });
  for (let n = 1; n < ${count}; n++) last = next({ from: last, n });
  return { last };
} });\n`,
  });
  const command = (...args: string[]): Command => ({ program: process.execPath, args: [cli, ...args], cwd: folder });
  return { name: 'modelflow', input: join(folder, 'in.txt'), plan: command('plan'), run: command('run') };
}

export function dvc(folder: string, count: number): Peer {
  const environment = join(benchCache, `dvc-${versions.dvc}`);
  const program = join(environment, 'bin', 'dvc');
  if (!existsSync(program)) {
    execFileSync('python3', ['-m', 'venv', environment], { stdio: 'inherit' });
    execFileSync(join(environment, 'bin', 'pip'), ['install', '--quiet', `dvc==${versions.dvc}`], { stdio: 'inherit' });
  }
  const at = (n: number): string => (n === 0 ? 'in.txt' : `o${n}.txt`);
  const yaml = range(count).map((n) => `  s${n}:\n    cmd: cp ${at(n)} ${at(n + 1)}\n    deps: [${at(n)}]\n    outs: [${at(n + 1)}]\n`);
  write(folder, { 'in.txt': 'in', 'dvc.yaml': `stages:\n${yaml.join('')}` });
  const command = (...args: string[]): Command => ({ program, args, cwd: folder, env: { DVC_NO_ANALYTICS: '1' } });
  execFileSync(program, ['init', '--quiet', '--no-scm'], { cwd: folder });
  return { name: 'dvc', input: join(folder, 'in.txt'), plan: command('status'), run: command('repro', '--quiet') };
}

function installed(name: 'wireit' | 'turbo'): string {
  const folder = join(benchCache, `${name}-${versions[name]}`);
  if (!existsSync(join(folder, 'node_modules'))) {
    write(folder, { 'package.json': '{ "private": true }' });
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${versions[name]}`], {
      cwd: folder,
      stdio: 'inherit',
    });
  }
  return join(folder, 'node_modules');
}

export function wireit(folder: string, count: number): Peer {
  const modules = installed('wireit');
  const at = (n: number): string => (n === 0 ? 'in.txt' : `o${n}.txt`);
  const scripts = Object.fromEntries(range(count).map((n) => [`s${n}`, 'wireit']));
  const tasks = range(count).map((n) => [
    `s${n}`,
    { command: `cp ${at(n)} ${at(n + 1)}`, files: n === 0 ? [at(0)] : [], output: [at(n + 1)], dependencies: n === 0 ? [] : [`s${n - 1}`] },
  ]);
  write(folder, { 'in.txt': 'in', 'package.json': JSON.stringify({ private: true, scripts, wireit: Object.fromEntries(tasks) }) });
  symlinkSync(modules, join(folder, 'node_modules'));
  const run: Command = { program: process.execPath, args: ['--run', `s${count - 1}`], cwd: folder, env: { WIREIT_LOGGER: 'quiet' } };
  return { name: 'wireit', input: join(folder, 'in.txt'), plan: undefined, run };
}

export function turbo(folder: string, count: number): Peer {
  const modules = installed('turbo');
  const at = (n: number): string => (n === 0 ? 'in.txt' : `o${n}.txt`);
  const scripts = Object.fromEntries(range(count).map((n) => [`s${n}`, `cp ${at(n)} ${at(n + 1)}`]));
  const tasks = Object.fromEntries(
    range(count).map((n) => [`s${n}`, { inputs: [at(n)], outputs: [at(n + 1)], dependsOn: n === 0 ? [] : [`s${n - 1}`] }]),
  );
  write(folder, {
    'in.txt': 'in',
    'package.json': JSON.stringify({ name: 'bench', private: true, packageManager: 'npm@11.0.0', scripts }),
    'package-lock.json': '{ "name": "bench", "lockfileVersion": 3, "packages": { "": { "name": "bench" } } }',
    'turbo.json': JSON.stringify({ tasks }),
  });
  const env = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' };
  const command = (...args: string[]): Command => ({
    program: join(modules, '.bin', 'turbo'),
    args: ['run', `s${count - 1}`, '--no-daemon', ...args],
    cwd: folder,
    env,
  });
  return { name: 'turbo', input: join(folder, 'in.txt'), plan: command('--dry=json'), run: command('--output-logs=none') };
}
