import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { failure } from '../../spec/diagnostic.ts';
import { loadConfig } from '../load-config.ts';
import { packageManifest, packageRoot } from '../package-root.ts';

export interface CiWritten {
  /** The workflow, absolute. */
  readonly file: string;
  readonly profile: string;
  readonly branch: string;
}

/** The actions of the workflow: a tag can be moved, a commit can not. */
const actions = {
  checkout: 'actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2',
  setupNode: 'actions/setup-node@48b55a011bda9f5d6aeb4c2d9c7362e8dae4041e # v6.4.0',
  cacheRestore: 'actions/cache/restore@55cc8345863c7cc4c66a329aec7e433d2d1c52a9 # v6.1.0',
  cacheSave: 'actions/cache/save@55cc8345863c7cc4c66a329aec7e433d2d1c52a9 # v6.1.0',
  uploadArtifact: 'actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1',
  downloadArtifact: 'actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1',
};

interface Installer {
  readonly lock: string | undefined;
  readonly install: string;
  /** Without the scripts of packages: for a job that may write. */
  readonly installSafely: string;
  readonly modelflow: string;
}

/** Where the workflow of the repository around a folder is, and MF1205 when it is there already. */
export function workflowFile(folder: string): string {
  const file = join(rootAround(folder), '.github', 'workflows', 'modelflow.yml');
  if (existsSync(file))
    throw failure('MF1205', `${file} already exists`, { hint: 'Nothing was written. Move it away, or change it by hand: it is yours.' });
  return file;
}

/** Writes the workflow for the configuration in the folder. The pipeline says its profiles: the one for production is carried out. */
export async function writeWorkflow(folder: string): Promise<CiWritten> {
  const file = workflowFile(folder);
  const root = rootAround(folder);
  const { pipeline } = await loadConfig({ from: folder });
  const profile = pipeline.profiles.find((name) => name === 'production') ?? pipeline.profiles[0];
  const branch = defaultBranch(root);
  const below = relative(root, realpathSync(folder)).split(sep).join('/');
  const prefix = below === '' ? '' : `${below}/`;
  const installer = installerOf(root, folder);
  const values = {
    ...actions,
    ...installer,
    branch: JSON.stringify(branch),
    branchName: branch.replaceAll("'", "''"),
    profile: JSON.stringify(profile),
    profileName: profile,
    // Not at the full hour, when everybody else's begin.
    minute: String(1 + ((createHash('sha256').update(pipeline.pipeline).digest()[0] ?? 0) % 58)),
    directory: JSON.stringify(below === '' ? '.' : below),
    folder: prefix,
    installCondition: installer.lock === undefined ? '' : `\n        if: hashFiles('${installer.lock.replaceAll("'", "''")}') != ''`,
  };
  const template = readFileSync(join(packageRoot(), 'templates', 'ci', 'github', 'modelflow.yml.template'), 'utf8');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, filled(template, values), { flag: 'wx' });
  return { file, profile, branch };
}

/** `{{name}}`, and not what GitHub fills in: `${{ name }}`. */
function filled(template: string, values: Readonly<Record<string, string | undefined>>): string {
  return template.replace(/(?<!\$)\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '');
}

/** The repository around the folder, or the folder. */
function rootAround(folder: string): string {
  const real = realpathSync(folder);
  return gitIn(real, 'rev-parse', '--show-toplevel') ?? real;
}

function defaultBranch(root: string): string {
  const ofOrigin = gitIn(root, 'symbolic-ref', '--short', 'refs/remotes/origin/HEAD')?.replace(/^origin\//, '');
  const current = gitIn(root, 'symbolic-ref', '--short', 'HEAD');
  return ofOrigin ?? (current === 'master' ? 'master' : 'main');
}

/** By the lock file nearest to the configuration, which may be that of a workspace above. */
function installerOf(root: string, folder: string): Installer {
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    const has = (name: string): boolean => existsSync(join(at, name));
    const lock = (name: string): string => relative(root, join(at, name)).split(sep).join('/');
    if (has('package-lock.json'))
      return { lock: lock('package-lock.json'), install: 'npm ci', installSafely: 'npm ci --ignore-scripts', modelflow: npx };
    if (has('pnpm-lock.yaml')) {
      const install = 'corepack enable && pnpm install --frozen-lockfile';
      return { lock: lock('pnpm-lock.yaml'), install, installSafely: `${install} --ignore-scripts`, modelflow: 'pnpm exec modelflow' };
    }
    if (has('yarn.lock')) {
      const isClassic = !has('.yarnrc.yml');
      const install = `corepack enable && yarn install ${isClassic ? '--frozen-lockfile' : '--immutable'}`;
      const installSafely = isClassic ? `${install} --ignore-scripts` : `${install} --mode=skip-build`;
      return { lock: lock('yarn.lock'), install, installSafely, modelflow: 'yarn run modelflow' };
    }
    if (at === root || at === dirname(at)) break;
  }
  const install = `npm install --no-save --no-package-lock modelflow@${packageManifest().version}`;
  return { lock: undefined, install, installSafely: `${install} --ignore-scripts`, modelflow: npx };
}

const npx = 'npx --no-install modelflow';

/** What git says in a folder; undefined where there is no git, no repository, or no answer. */
function gitIn(folder: string, ...args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
  } catch {
    return undefined;
  }
}
