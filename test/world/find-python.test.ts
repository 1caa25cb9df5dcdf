import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ModelflowError } from '../../core/spec/diagnostic.ts';
import { describePython } from '../../core/world/describe-python.ts';
import { findPython, type Python } from '../../core/world/find-python.ts';
import { processRunner } from '../../core/world/process.ts';
import { program, temporaryFolder } from './kit.ts';

/** A program that answers the probe as a Python of that kind would. */
function python(folder: string, name: string, said: Readonly<Record<string, unknown>>): string {
  const path = join(folder, name);
  const all = {
    version: '3.12.1',
    executable: path,
    implementation: 'CPython',
    platform: 'linux-x86_64-glibc',
    threads: false,
    pip: true,
    venv: true,
    ...said,
  };
  // Only what the shell has built in: PATH may hold nothing else.
  return program(path, `#!/bin/sh\nprintf '%s\\n' '${JSON.stringify(all)}'\n`);
}

function find(env: Readonly<Record<string, string>>): Promise<Python> {
  return findPython({ process: processRunner({ signal: new AbortController().signal, env: { ...process.env, ...env } }), env });
}

async function refusal(env: Readonly<Record<string, string>>): Promise<ModelflowError['diagnostics'][0] | undefined> {
  const error = await find(env).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ModelflowError);
  return (error as ModelflowError).diagnostics[0];
}

test('a Python of this machine is found and tells about itself', async () => {
  const found = await findPython({ process: processRunner({ signal: new AbortController().signal }), env: process.env });
  expect(found.version.startsWith(`${found.series}.`)).toBe(true);
  expect(['3.11', '3.12', '3.13']).toContain(found.series);
});

test('without any Python the message says so, and the hint how to get one', async () => {
  const diagnostic = await refusal({ PATH: temporaryFolder() });
  expect(diagnostic).toMatchObject({
    code: 'MF3201',
    message: 'No Python 3.11, 3.12 or 3.13 was found on PATH: there is no python at all',
    detail: [],
  });
  expect(diagnostic?.hint).toMatch(/MODELFLOW_PYTHON/);
});

test('Pythons that cannot be used are named, each with the reason', async () => {
  const bin = temporaryFolder();
  program(join(bin, 'python3.13'), '#!/bin/sh\necho "pyenv: python3.13: command not found" >&2\nexit 127\n');
  const bare = python(bin, 'python3.12', { pip: false, venv: false });
  const free = python(bin, 'python3.11', { version: '3.13.0', threads: true });
  const old = python(bin, 'python3', { version: '3.9.2' });
  const other = python(bin, 'python', { implementation: 'PyPy', version: '3.11.9' });
  expect((await refusal({ PATH: bin }))?.detail).toEqual([
    `${old}: is Python 3.9.2`,
    `${join(bin, 'python3.13')}: cannot be run (pyenv: python3.13: command not found)`,
    `${bare}: is Python 3.12.1 without pip and venv (on Debian: apt install python3-venv)`,
    `${free}: is the free-threaded build of Python 3.13.0, for which the tools have no packages`,
    `${other}: is PyPy 3.11.9; CPython is needed`,
  ]);
});

test('a shim that leads nowhere is passed over for the next Python on PATH', async () => {
  const [shims, bin] = [temporaryFolder(), temporaryFolder()];
  program(join(shims, 'python3.12'), '#!/bin/sh\nexit 127\n');
  const good = python(bin, 'python3.12', {});
  expect(await find({ PATH: `${shims}:${bin}` })).toMatchObject({ executable: good, series: '3.12' });
});

test('MODELFLOW_PYTHON has the only word', async () => {
  const bin = temporaryFolder();
  python(bin, 'python3.12', {});
  const mine = python(bin, 'mine', { version: '3.11.4' });
  const old = python(bin, 'old', { version: '3.8.1' });
  expect(await find({ PATH: bin, MODELFLOW_PYTHON: mine })).toMatchObject({ executable: mine });
  expect(await find({ PATH: bin, MODELFLOW_PYTHON: 'mine' })).toMatchObject({ executable: mine });
  const refused = { code: 'MF3201', message: `MODELFLOW_PYTHON names ${old}, which cannot be used`, detail: [`${old}: is Python 3.8.1`] };
  expect(await refusal({ PATH: bin, MODELFLOW_PYTHON: old })).toMatchObject(refused);
  expect((await refusal({ PATH: bin, MODELFLOW_PYTHON: '/nowhere' }))?.detail).toEqual([
    '/nowhere: there is no executable file of that name',
  ]);
});

test('the doctor gets what was tried, and no error where there is neither Python nor cache', async () => {
  const bin = temporaryFolder();
  const old = python(bin, 'python3', { version: '3.9.2' });
  const given = { process: processRunner({ signal: new AbortController().signal }), env: { PATH: bin }, cacheFolder: join(bin, 'none') };
  expect(await describePython(given)).toEqual({
    python: undefined,
    tried: [{ path: old, version: '3.9.2', refused: 'is Python 3.9.2' }],
    uv: undefined,
    cacheFolder: join(bin, 'none'),
    environments: [],
  });
});
