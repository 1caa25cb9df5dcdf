import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '../spec/diagnostic.ts';
import type { PythonEnvironment } from '../spec/port.ts';
import { cacheFailure } from './disk-error.ts';
import { isProgram } from './find-program.ts';
import type { Python } from './find-python.ts';
import { install, pythonIn } from './install.ts';
import { whileLocked } from './machine-lock.ts';
import { makingName, removeLeftovers } from './making.ts';
import type { PythonWorld } from './python-world.ts';
import { getUv } from './uv.ts';

/** Written into an environment last, before it gets its name. */
export interface EnvironmentRecord {
  readonly name: string;
  readonly python: string;
  readonly base: string;
  readonly installer: string;
  /** ISO 8601, UTC. */
  readonly madeAt: string;
}

/** Under the cache folder. */
export const environmentsFolder = 'environments';
const recordFile = 'environment.json';

/**
 * The interpreter of the environment; makes the environment first when it is not there whole. Two processes at once: the second waits
 * for the first. An environment is made under another name and renamed when it is complete, so a kill leaves nothing that would be
 * taken for one. MF3202 when it cannot be made.
 */
export async function environmentPython(world: PythonWorld, python: Python, environment: PythonEnvironment): Promise<string> {
  const folder = join(world.cacheFolder, environmentsFolder, await folderName(environment, python));
  if (await readRecord(folder)) return pythonIn(folder);
  try {
    await mkdir(join(world.cacheFolder, environmentsFolder), { recursive: true });
    const lock = {
      path: join(world.cacheFolder, 'locks', `${basename(folder)}.lock`),
      python: python.executable,
      signal: world.signal,
      env: world.env,
      onBusy: (holder: string) =>
        world.log.progress(undefined, `waiting for another modelflow that installs the Python packages of ${environment.name} (${holder})`),
    };
    await whileLocked(lock, (held) => make(world, { python, environment, folder, alone: held }));
    return pythonIn(folder);
  } catch (error) {
    throw cacheFailure(error, world.cacheFolder);
  }
}

/** The same bytes of the lock give other packages on another system, so the system is part of the digest. */
async function folderName(environment: PythonEnvironment, python: Python): Promise<string> {
  if (!/^[A-Za-z0-9][\w.-]*$/.test(environment.name)) {
    throw failure('MF1109', `"${environment.name}" is not usable as the name of a Python environment`);
  }
  const lock = await readFile(environment.lock).catch((cause: unknown) => {
    throw failure('MF3202', `The lock of the Python environment "${environment.name}" cannot be read: ${fileURLToPath(environment.lock)}`, {
      cause,
    });
  });
  const digest = createHash('sha256').update(lock).update(`\0${python.platform}`).digest('hex').slice(0, 12);
  return `${environment.name}-${digest}-py${python.series}`;
}

interface Making {
  readonly python: Python;
  readonly environment: PythonEnvironment;
  readonly folder: string;
  /** Does the lock keep everybody else out? */
  readonly alone: boolean;
}

async function make(world: PythonWorld, wanted: Making): Promise<void> {
  if (await readRecord(wanted.folder)) return;
  const place = join(wanted.folder, '..');
  const name = basename(wanted.folder);
  if (wanted.alone) await removeLeftovers(place, name);
  const uv = await getUv(world, wanted.python);
  const folder = join(place, makingName(name));
  try {
    await install(world, { ...wanted, uv, folder });
    const record: EnvironmentRecord = {
      name: wanted.environment.name,
      python: wanted.python.version,
      base: wanted.python.executable,
      installer: uv ? `uv ${uv.version}` : 'pip',
      madeAt: new Date().toISOString(),
    };
    await writeFile(join(folder, recordFile), `${JSON.stringify(record, undefined, 2)}\n`);
    await settle(folder, wanted.folder, join(place, makingName(name)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gives a complete environment its name. What stands there is either whole, made meanwhile where there are no locks, or broken. */
async function settle(folder: string, final: string, broken: string): Promise<void> {
  if (await readRecord(final)) return;
  try {
    await rename(final, broken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await rename(folder, final);
  await rm(broken, { recursive: true, force: true });
}

/** The record of a whole environment; undefined when it is not there, or its base Python is gone since. */
export async function readRecord(folder: string): Promise<EnvironmentRecord | undefined> {
  if (!(await isProgram(pythonIn(folder)))) return undefined;
  try {
    // Written by `make`, under another name until it was whole.
    return JSON.parse(await readFile(join(folder, recordFile), 'utf8')) as EnvironmentRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
