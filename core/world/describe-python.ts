import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessRunner } from '../spec/port.ts';
import { type PythonSearch, searchPython } from './find-python.ts';
import { makingPrefix } from './making.ts';
import { type EnvironmentRecord, environmentsFolder, readRecord } from './python-environment.ts';
import { presentUv, type Uv } from './uv.ts';

/** What `modelflow doctor` tells about Python. */
export interface PythonDescription extends PythonSearch {
  /** The uv that would be used; undefined: it will be installed when it is first needed. */
  readonly uv: Uv | undefined;
  readonly cacheFolder: string;
  readonly environments: readonly EnvironmentDescription[];
}

export interface EnvironmentDescription {
  readonly path: string;
  /** `unfinished` is removed when the environment is next made, `broken` (its base Python is gone, or files are) is made again when it is next used. */
  readonly state: 'ready' | 'unfinished' | 'broken';
  readonly record: EnvironmentRecord | undefined;
  readonly sizeBytes: number;
}

/** Looks for Python, uv and the environments that were made. Changes nothing, and fails for none of them. */
export async function describePython(given: {
  readonly process: ProcessRunner;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cacheFolder: string;
}): Promise<PythonDescription> {
  const search = await searchPython(given);
  const uv = await presentUv(given, search.python);
  return { ...search, uv, cacheFolder: given.cacheFolder, environments: await describeEnvironments(given.cacheFolder) };
}

async function describeEnvironments(cacheFolder: string): Promise<readonly EnvironmentDescription[]> {
  const place = join(cacheFolder, environmentsFolder);
  const described: EnvironmentDescription[] = [];
  for (const name of (await entriesOf(place)).toSorted()) {
    const path = join(place, name);
    const record = name.startsWith(makingPrefix) ? undefined : await readRecord(path);
    const state = record ? 'ready' : name.startsWith(makingPrefix) ? 'unfinished' : 'broken';
    described.push({ path, state, record, sizeBytes: await sizeOf(path) });
  }
  return described;
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/** Bytes of the files below; links are not followed. A file that goes away meanwhile counts nothing. */
async function sizeOf(folder: string): Promise<number> {
  let sizeBytes = 0;
  for (const entry of await readdir(folder, { recursive: true })) {
    sizeBytes += await lstat(join(folder, entry)).then(
      (file) => (file.isFile() ? file.size : 0),
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return 0;
        throw error;
      },
    );
  }
  return sizeBytes;
}
