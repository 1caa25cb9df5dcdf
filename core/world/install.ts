import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '../spec/diagnostic.ts';
import type { PythonEnvironment } from '../spec/port.ts';
import { isFull } from './disk-error.ts';
import type { Python } from './find-python.ts';
import { watchInstall } from './install-progress.ts';
import { readPipSettings, uvSettings } from './pip-settings.ts';
import type { PythonWorld } from './python-world.ts';
import type { Uv } from './uv.ts';

/** What an environment is made of, and where. */
export interface Installation {
  readonly environment: PythonEnvironment;
  readonly python: Python;
  readonly uv: Uv | undefined;
  /** Becomes the environment. It may be renamed afterwards: nothing in it that is used names the folder. */
  readonly folder: string;
}

/** Makes a virtual environment and installs the locked requirements, with uv or else with pip. MF3202 when that fails. */
export async function install(world: PythonWorld, wanted: Installation): Promise<void> {
  const { uv } = wanted;
  world.log.progress(undefined, `installing the Python packages of ${wanted.environment.name}`);
  if (uv) await installWithUv(world, wanted, uv);
  else await installWithPip(world, wanted);
}

async function installWithUv(world: PythonWorld, wanted: Installation, uv: Uv): Promise<void> {
  const pip = uvSettings(await readPipSettings({ ...world, python: wanted.python }), world.env);
  const env = {
    // The lock says which versions; what was set for other projects must not take part.
    UV_CONSTRAINT: '',
    UV_OVERRIDE: '',
    ...pip.env,
    ...(uv.from === 'cache' && !world.env['UV_CACHE_DIR'] ? { UV_CACHE_DIR: join(world.cacheFolder, 'uv-cache') } : {}),
  };
  await run(world, wanted, {
    command: uv.path,
    args: ['venv', '--relocatable', '--no-project', '--python', wanted.python.executable, wanted.folder],
    env,
  });
  const lock = fileURLToPath(wanted.environment.lock);
  const args = ['pip', 'install', '--python', pythonIn(wanted.folder), '--require-hashes', ...pip.args, '-r', lock];
  await run(world, wanted, { command: uv.path, args, env });
}

async function installWithPip(world: PythonWorld, wanted: Installation): Promise<void> {
  if (!wanted.python.hasVenv) {
    throw failure('MF3201', `${wanted.python.executable} cannot make virtual environments: it is without venv and ensurepip`, {
      hint: 'Install them (on Debian: apt install python3-venv), or install uv, or name another Python in MODELFLOW_PYTHON.',
    });
  }
  await run(world, wanted, { command: wanted.python.executable, args: ['-I', '-m', 'venv', wanted.folder], env: {} });
  const lock = fileURLToPath(wanted.environment.lock);
  const quiet = ['--no-input', '--disable-pip-version-check', '--progress-bar', 'off', '--no-compile'];
  const args = ['-I', '-m', 'pip', 'install', ...quiet, '--require-hashes', '-r', lock];
  // What would lead the packages somewhere else than into the environment.
  const env = { PIP_USER: '0', PIP_TARGET: '', PIP_PREFIX: '', PIP_REQUIREMENT: '', PIP_CONSTRAINT: '' };
  await run(world, wanted, { command: pythonIn(wanted.folder), args, env });
}

/** The interpreter of an environment. */
export function pythonIn(folder: string): string {
  return join(folder, 'bin', 'python');
}

interface Step {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function run(world: PythonWorld, wanted: Installation, step: Step): Promise<void> {
  const watch = watchInstall(world.log, wanted.environment.name);
  const env = { NO_COLOR: '1', ...step.env };
  // In the cache folder, so that a pyproject.toml where the user stands has no say.
  const result = await world.process.run({ ...step, env, cwd: world.cacheFolder, onLine: watch.line });
  if (result.exitCode === 0) return;
  const how = result.signal === undefined ? `ended with exit code ${result.exitCode}` : `was killed (${result.signal})`;
  const text = watch.last().join('\n');
  const program = wanted.uv ? 'uv' : 'pip';
  throw failure(
    'MF3202',
    `The Python environment "${wanted.environment.name}" could not be made: ${isFull(text) ? 'the disk is full' : `${program} ${how}`}`,
    {
      hint: hintFor(text, world.cacheFolder),
      detail: watch.last(),
    },
  );
}

function hintFor(text: string, cacheFolder: string): string {
  if (isFull(text)) return `Make room in ${cacheFolder}, or set MODELFLOW_CACHE to a folder on another disk, then run again.`;
  if (/hash mismatch|do not match the hashes/i.test(text)) {
    return 'The index served other bytes than the lock was made from: check the index or mirror that is configured for pip.';
  }
  if (/certificate|UnknownIssuer/i.test(text)) {
    return 'The certificate of the index is not trusted: name the certificates in SSL_CERT_FILE, or set UV_SYSTEM_CERTS=1, then run again.';
  }
  if (/connect|dns|resolve host|timed out|timeout|failed to fetch|network|proxy/i.test(text)) {
    return 'Check the network and the proxy (HTTPS_PROXY), or name a mirror in PIP_INDEX_URL, then run again.';
  }
  return 'Check what the installer says, then run again. What was downloaded is kept.';
}
