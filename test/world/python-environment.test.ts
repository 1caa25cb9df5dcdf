import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ModelflowError } from '../../core/spec/diagnostic.ts';
import { describePython } from '../../core/world/describe-python.ts';
import { findPython } from '../../core/world/find-python.ts';
import { environmentPython } from '../../core/world/python-environment.ts';
import type { PythonWorld } from '../../core/world/python-world.ts';
import { getUv, presentUv, type Uv } from '../../core/world/uv.ts';
import {
  newFolder,
  program,
  pythonPlace,
  readLines,
  recordingLog,
  startFixture,
  temporaryFolder,
  wheelOf,
  worldOf,
  writeLock,
} from './kit.ts';
import { type PackageIndex, packageIndex } from './package-index.ts';

const folder = newFolder();
const wheel = wheelOf('tiny', 'answer = 42\n');
let uv: Uv | undefined;

// The real thing from the index that this machine is set up for, once: all other tests find it on PATH.
beforeAll(async () => {
  const { env } = await pythonPlace(folder);
  const settings = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[0].startsWith('PIP_') && entry[1] !== undefined,
  );
  const world = worldOf({ ...env, PIP_CONFIG_FILE: '', ...Object.fromEntries(settings) }, join(folder, 'cache'), recordingLog().log);
  uv = await getUv(world, await findPython(world));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Place {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly environments: string;
  readonly index: PackageIndex;
  readonly lock: URL;
  world(signal?: AbortSignal): PythonWorld & { text(): string };
  make(world?: PythonWorld): Promise<string>;
  entries(): readonly string[];
}

/** A cache folder of its own, an index with the package `tiny`, and the uv of above. */
async function place(lockText = wheel.lock): Promise<Place> {
  const own = temporaryFolder();
  const index = await packageIndex('tiny', wheel);
  const { env, bin } = await pythonPlace(own);
  if (uv) symlinkSync(uv.path, join(bin, 'uv'));
  const all = { ...env, PIP_INDEX_URL: index.url, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' };
  const lock = writeLock(own, lockText);
  const environments = join(own, 'cache', 'environments');
  const world = (signal?: AbortSignal): ReturnType<Place['world']> => {
    const { log, text } = recordingLog();
    return { ...worldOf(all, join(own, 'cache'), log, signal), text };
  };
  const make = async (given: PythonWorld = world()): Promise<string> =>
    await environmentPython(given, await findPython(given), { name: 'tiny', lock });
  return { folder: own, env: all, environments, index, lock, world, make, entries: () => readdirSync(environments) };
}

function fixture(at: Place): {
  readonly child: ReturnType<typeof startFixture>;
  line(): Promise<string>;
  readonly closed: Promise<string>;
} {
  const child = startFixture('make-environment.ts', [at.lock.pathname, join(at.folder, 'cache')], at.env);
  return { child, ...readLines(child.stdout) };
}

async function failureOf(making: Promise<unknown>): Promise<ModelflowError['diagnostics'][0] | undefined> {
  const error = await making.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ModelflowError);
  return (error as ModelflowError).diagnostics[0];
}

const answer = (python: string): string => execFileSync(python, ['-c', 'import tiny; print(tiny.answer)'], { encoding: 'utf8' }).trim();

test('uv is installed from its lock into the cache folder', () => {
  expect(uv).toMatchObject({ from: 'cache', version: '0.13.8' });
  expect(execFileSync(uv?.path ?? '', ['--version'], { encoding: 'utf8' })).toMatch(/^uv 0\.13\.8/);
});

test('an environment is made once from its lock, with what pip was told, and then found', async () => {
  const at = await place();
  at.index.release();
  const first = at.world();
  const python = await at.make(first);
  expect(answer(python)).toBe('42');
  expect(first.text()).toContain('progress: installing 1 package for tiny');
  expect(at.entries()).toEqual([expect.stringMatching(/^tiny-[0-9a-f]{12}-py3\.1[123]$/)]);
  const second = at.world();
  expect(await at.make(second)).toBe(python);
  expect(second.text()).toBe('');
  writeLock(at.folder, `${wheel.lock}# other bytes\n`);
  expect(await at.make()).not.toBe(python);
  expect(at.entries()).toHaveLength(2);
});

test('of two processes that want the same environment one makes it, and the other waits and says so', async () => {
  const at = await place();
  const first = fixture(at);
  await at.index.asked;
  const second = fixture(at);
  expect(await second.line()).toBe(
    `waiting for another modelflow that installs the Python packages of tiny (process ${first.child.pid} on ${hostname()})`,
  );
  at.index.release();
  const [saidFirst, saidSecond] = (await Promise.all([first.closed, second.closed])).map((text) => text.trim().split('\n'));
  expect(saidSecond?.at(-1)).toBe(saidFirst?.at(-1));
  expect(answer(saidSecond?.at(-1) ?? '')).toBe('42');
  // It waited, and there it was: nothing about an installation.
  expect(saidSecond).toHaveLength(2);
  expect(at.entries()).toHaveLength(1);
});

test('a wait for another process ends with the signal', async () => {
  const at = await place();
  fixture(at);
  await at.index.asked;
  const stop = new AbortController();
  const world = at.world(stop.signal);
  const waiting = at.make({ ...world, log: { ...world.log, progress: () => stop.abort('enough') } });
  await expect(waiting).rejects.toBe('enough');
});

test('a making that was killed with SIGKILL takes its installer along, and is begun anew', async () => {
  const at = await place();
  const first = fixture(at);
  await at.index.asked;
  first.child.kill('SIGKILL');
  await at.index.gone;
  expect(at.entries()).toEqual([expect.stringMatching(/^\.making-tiny-/)]);
  const { environments } = await describePython(at.world());
  expect(environments).toMatchObject([{ state: 'unfinished', record: undefined }]);
  at.index.release();
  expect(answer(await at.make())).toBe('42');
  expect(at.entries()).toEqual([expect.stringMatching(/^tiny-/)]);
});

test('an abort in the middle leaves nothing behind', async () => {
  const at = await place();
  const stop = new AbortController();
  const making = at.make(at.world(stop.signal));
  await at.index.asked;
  stop.abort('enough');
  await expect(making).rejects.toBe('enough');
  expect(at.entries()).toEqual([]);
});

test('other bytes than the lock names are refused, and nothing is left that would be taken for good', async () => {
  const at = await place(`tiny==1.0 --hash=sha256:${'0'.repeat(64)}\n`);
  at.index.release();
  const diagnostic = await failureOf(at.make());
  expect(diagnostic).toMatchObject({
    code: 'MF3202',
    message: 'The Python environment "tiny" could not be made: uv ended with exit code 1',
  });
  expect(diagnostic?.hint).toMatch(/other bytes/);
  expect(diagnostic?.detail?.join('\n')).toMatch(/Hash mismatch/);
  expect(at.entries()).toEqual([]);
});

test('a requirement without a hash is refused', async () => {
  const at = await place('tiny==1.0\n');
  at.index.release();
  const diagnostic = await failureOf(at.make());
  expect(diagnostic).toMatchObject({ code: 'MF3202' });
  expect(diagnostic?.detail?.join('\n')).toMatch(/--require-hashes.*tiny==1\.0/s);
});

test('an index that does not answer is a matter of the network', async () => {
  const at = await place();
  const env = { ...at.env, PIP_INDEX_URL: 'http://127.0.0.1:1/simple', UV_HTTP_RETRIES: '0' };
  const diagnostic = await failureOf(at.make(worldOf(env, join(at.folder, 'cache'), recordingLog().log)));
  expect(diagnostic).toMatchObject({ code: 'MF3202', hint: expect.stringMatching(/network/) });
});

test('a full disk is called a full disk', async () => {
  const at = await place();
  unlinkSync(join(at.folder, 'bin', 'uv'));
  const uvOfFullDisk =
    'case "$1" in --version) echo "uv 0.9.1";; *) echo "error: failed to write: No space left on device (os error 28)" >&2; exit 2;; esac';
  program(join(at.folder, 'bin', 'uv'), `#!/bin/sh\n${uvOfFullDisk}\n`);
  expect(await failureOf(at.make())).toMatchObject({
    code: 'MF3202',
    message: 'The Python environment "tiny" could not be made: the disk is full',
    hint: expect.stringContaining('MODELFLOW_CACHE'),
  });
});

test('a cache folder that cannot be written is named', async () => {
  const at = await place();
  writeFileSync(join(at.folder, 'file'), '');
  const cacheFolder = join(at.folder, 'file', 'cache');
  expect(await failureOf(at.make({ ...at.world(), cacheFolder }))).toMatchObject({
    code: 'MF3202',
    message: `The cache folder ${cacheFolder} cannot be used: a part of the path is a file`,
  });
});

test('a lock that is not there is named', async () => {
  const at = await place();
  unlinkSync(at.lock);
  expect(await failureOf(at.make())).toMatchObject({ code: 'MF3202', message: expect.stringContaining(at.lock.pathname) });
});

test('an environment whose Python is gone, or that is not whole, is made again', async () => {
  const at = await place();
  at.index.release();
  const python = await at.make();
  unlinkSync(python);
  symlinkSync('/nowhere/python3', python);
  expect((await describePython(at.world())).environments).toMatchObject([{ state: 'broken' }]);
  expect(answer(await at.make())).toBe('42');
  rmSync(join(python, '..', '..', 'environment.json'));
  expect(answer(await at.make())).toBe('42');
  const described = (await describePython(at.world())).environments;
  expect(described).toMatchObject([{ state: 'ready', record: { name: 'tiny', installer: 'uv 0.13.8' } }]);
  expect(described[0]?.sizeBytes).toBeGreaterThan(0);
});

test('a uv on PATH is used when it is new enough', async () => {
  const bin = temporaryFolder();
  const world = worldOf({ PATH: bin }, join(bin, 'cache'), recordingLog().log);
  program(join(bin, 'uv'), '#!/bin/sh\necho "uv 0.4.30 (61ed2a236 2024-11-04)"\n');
  expect(await presentUv(world, undefined)).toBeUndefined();
  program(join(bin, 'uv'), '#!/bin/sh\necho "uv 0.9.1"\n');
  expect(await presentUv(world, undefined)).toEqual({ path: join(bin, 'uv'), version: '0.9.1', from: 'path' });
});

test('what was set for other projects does not change what is installed, nor where', async () => {
  const at = await place();
  at.index.release();
  const env = {
    ...at.env,
    UV_CONSTRAINT: join(at.folder, 'none.txt'),
    UV_SYSTEM_PYTHON: '1',
    UV_PYTHON: '3.8',
    PIP_TARGET: join(at.folder, 'target'),
  };
  expect(answer(await at.make(worldOf(env, join(at.folder, 'cache'), recordingLog().log)))).toBe('42');
});
