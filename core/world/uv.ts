import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '../spec/diagnostic.ts';
import { cacheFailure } from './disk-error.ts';
import { isProgram, programsOnPath } from './find-program.ts';
import type { Python } from './find-python.ts';
import { whileLocked } from './machine-lock.ts';
import { makingName, removeLeftovers } from './making.ts';
import type { PythonWorld } from './python-world.ts';

/** A uv that can be used, and whose it is: one from PATH keeps its own cache, ours keeps one in the cache folder. */
export interface Uv {
  readonly path: string;
  readonly version: string;
  readonly from: 'path' | 'cache';
}

const lock = new URL('./uv.lock', import.meta.url);
/** Before it, relocatable environments and indexes given as default and additional were not all there. */
const oldestUsable = [0, 5] as const;

/** A uv from PATH that is new enough, or the one that was put into the cache folder before. Installs nothing. */
export async function presentUv(
  world: Pick<PythonWorld, 'process' | 'env' | 'cacheFolder'>,
  python: Python | undefined,
): Promise<Uv | undefined> {
  for (const path of await programsOnPath('uv', world.env, process.cwd())) {
    const version = await versionOf(world, path);
    if (version !== undefined && isUsable(version)) return { path, version, from: 'path' };
  }
  if (!python) return undefined;
  const path = await ownPath(world, python);
  return (await isProgram(path)) ? { path, version: await lockedVersion(), from: 'cache' } : undefined;
}

/** The uv to work with; installs the locked one into the cache folder when there is none. Undefined, with a warning in the log, when it cannot be had. */
export async function getUv(world: PythonWorld, python: Python): Promise<Uv | undefined> {
  const present = await presentUv(world, python);
  if (present) return present;
  const version = await lockedVersion();
  const path = await ownPath(world, python);
  const wanted = {
    path: join(world.cacheFolder, 'locks', `uv-${version}.lock`),
    python: python.executable,
    signal: world.signal,
    env: world.env,
    onBusy: (holder: string) => world.log.progress(undefined, `waiting for another modelflow that installs uv (${holder})`),
  };
  return await whileLocked(wanted, async (held) => {
    if (await isProgram(path)) return { path, version, from: 'cache' };
    world.log.progress(undefined, `installing uv ${version}, which installs the Python tools`);
    const trouble = await installUv(world, python, path, held);
    if (trouble === undefined) return { path, version, from: 'cache' };
    world.log.warn(`uv ${version} could not be installed (${trouble}); pip is used instead, which takes longer`);
    return undefined;
  });
}

async function lockedVersion(): Promise<string> {
  const version = /^uv==([\w.]+)/m.exec(await readFile(lock, 'utf8'))?.[1];
  if (version === undefined) throw failure('MF9001', `${fileURLToPath(lock)} pins no uv`);
  return version;
}

async function ownPath(world: Pick<PythonWorld, 'cacheFolder'>, python: Python): Promise<string> {
  return join(world.cacheFolder, `uv-${await lockedVersion()}`, python.platform, 'uv');
}

async function versionOf(world: Pick<PythonWorld, 'process'>, path: string): Promise<string | undefined> {
  const { exitCode, stdout } = await world.process.run({ command: path, args: ['--version'] });
  return exitCode === 0 ? /^uv (\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1] : undefined;
}

function isUsable(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldestUsable[0] || (major === oldestUsable[0] && minor >= oldestUsable[1]);
}

/** Undefined when it worked, else why not. */
async function installUv(world: PythonWorld, python: Python, path: string, alone: boolean): Promise<string | undefined> {
  const folder = join(path, '..');
  const making = join(folder, makingName('uv'));
  try {
    await mkdir(folder, { recursive: true });
    if (alone) await removeLeftovers(folder, 'uv');
    await mkdir(making);
    const trouble = python.hasVenv ? await throughVenv(world, python, making) : await intoFolder(world, python, making);
    if (trouble !== undefined) return trouble;
    // Only the program is kept, under its name when it is whole.
    await copyFile(join(making, 'bin', 'uv'), join(making, 'uv'));
    await rename(join(making, 'uv'), path);
    return undefined;
  } catch (error) {
    throw cacheFailure(error, world.cacheFolder);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

const pipInstall = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--retries', '2', '--no-deps'];

async function throughVenv(world: PythonWorld, python: Python, folder: string): Promise<string | undefined> {
  return (
    (await step(world, python.executable, ['-I', '-m', 'venv', folder])) ??
    (await step(world, join(folder, 'bin', 'python'), ['-I', ...pipInstall, ...requirements]))
  );
}

/** Debian's Python without python3-venv has at best a pip of its own. */
async function intoFolder(world: PythonWorld, python: Python, folder: string): Promise<string | undefined> {
  return await step(world, python.executable, ['-I', ...pipInstall, '--target', folder, ...requirements]);
}

const requirements = ['--only-binary', ':all:', '--require-hashes', '-r', fileURLToPath(lock)];

async function step(world: PythonWorld, command: string, args: readonly string[]): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await world.process.run({
    command,
    args,
    env: { PIP_USER: '0', PIP_TARGET: '', PIP_PREFIX: '', PIP_REQUIREMENT: '' },
  });
  if (exitCode === 0) return undefined;
  return (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? `exit code ${exitCode}`;
}
