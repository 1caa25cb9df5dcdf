import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ModelflowError } from '../../core/spec/diagnostic.ts';
import { BridgeError, type PythonRequest } from '../../core/spec/port.ts';
import { processRunner } from '../../core/world/process.ts';
import { pythonRunner } from '../../core/world/python.ts';
import { newFolder, type PythonPlace, pythonPlace, recordingLog, type Said, wheelOf, writeLock } from './kit.ts';

const folder = newFolder();
const script = new URL('./fixtures/bridge.py', import.meta.url);
const cacheFolder = join(folder, 'cache');
let place: PythonPlace;
let lock: URL;
let saidWhileMaking: readonly Said[];

beforeAll(async () => {
  const wheel = wheelOf('tiny', 'answer = 42\n');
  const wheels = join(folder, 'wheels');
  mkdirSync(wheels);
  writeFileSync(join(wheels, wheel.file), wheel.bytes);
  lock = writeLock(folder, wheel.lock);
  place = await pythonPlace(folder);
  // There is no uv on PATH, and none to be had.
  place = { ...place, env: { ...place.env, PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels } };
  const { log, said } = recordingLog();
  await call({ behaviour: 'large' }, {}, log);
  saidWhileMaking = said;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function call(
  request: unknown,
  env: Readonly<Record<string, string>> = {},
  log = recordingLog().log,
  more: Partial<PythonRequest> = {},
): Promise<unknown> {
  const signal = new AbortController().signal;
  const all = { ...place.env, ...env };
  const python = pythonRunner({ process: processRunner({ signal, env: all }), log, cacheFolder, signal, env: all });
  return python.call({ environment: { name: 'tiny', lock }, script, request, ...more });
}

async function failureOf(request: unknown): Promise<ModelflowError['diagnostics'][0] | undefined> {
  const error = await call(request).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ModelflowError);
  return (error as ModelflowError).diagnostics[0];
}

test('where uv cannot be had, pip makes the environment, and the log says so', () => {
  const texts = saidWhileMaking.map(({ how, text }) => `${how}: ${text}`);
  expect(texts).toContainEqual(expect.stringMatching(/^warn: uv \S+ could not be installed \(.*uv.*\); pip is used instead/));
  expect(texts).toContain('progress: installing for tiny: package 1, tiny');
});

test('a script gets its request and answers; progress and text reach the log', async () => {
  const { log, said } = recordingLog();
  expect(await call({ behaviour: 'well', umlaut: 'ü – 字' }, { LC_ALL: 'C' }, log)).toEqual({
    tiny: 42,
    umlaut: 'ü – 字',
    encoding: 'utf-8',
  });
  expect(said.filter(({ how }) => how === 'progress')).toEqual([
    { how: 'progress', text: 'a quarter', fraction: 0.25 },
    { how: 'progress', text: 'who knows', fraction: undefined },
  ]);
  expect(
    said
      .filter(({ how }) => how === 'info')
      .map(({ text }) => text)
      .toSorted(),
  ).toEqual(['a library prints this', 'for people', 'no JSON']);
});

test('an error that a script reports is a BridgeError', async () => {
  const error = await call({ behaviour: 'error' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BridgeError);
  expect(error).toMatchObject({ kind: 'unsupported-operator', message: 'no form for Foo', detail: ['node a', 'node b'] });
});

test('an exception in a script is MF3203 with the exception in the message and the traceback below', async () => {
  const diagnostic = await failureOf({ behaviour: 'raise' });
  expect(diagnostic).toMatchObject({ code: 'MF3203', message: 'The Python script bridge.py raised ValueError: a shape is wrong' });
  expect(diagnostic?.detail?.[0]).toBe('Traceback (most recent call last):');
  expect(diagnostic?.detail?.at(-1)).toBe('ValueError: a shape is wrong');
});

test.for([
  ['garbage', 'ended with exit code 0 without a result'],
  ['nothing at all', 'ended with exit code 0 without a result'],
  ['result, then crash', 'was killed by SIGABRT after it had given its result'],
  ['killed', 'was killed by SIGKILL without a result'],
] as const)('a script that ends with %s breaks the protocol', async ([behaviour, how]) => {
  expect(await failureOf({ behaviour })).toMatchObject({ code: 'MF3203', message: `The Python script bridge.py ${how}` });
});

test('what a script printed instead of a result is shown', async () => {
  expect((await failureOf({ behaviour: 'garbage' }))?.detail).toEqual(['Segmentation fault, or so']);
});

test('a script that was killed outright gets a hint about memory', async () => {
  expect((await failureOf({ behaviour: 'killed' }))?.hint).toMatch(/memory/);
});

test('a result of some megabytes is no trouble', async () => {
  expect(await call({ behaviour: 'large' })).toHaveLength(3_000_000);
});

interface Surroundings {
  readonly names: unknown;
  readonly path: readonly string[];
  readonly hash: number;
  readonly utf8: number;
}

test('nothing that was set for another Python reaches a script, and hashes are the same each time', async () => {
  const foreign = { PYTHONPATH: folder, PYTHONHOME: folder, PYTHONUSERBASE: folder, PYTHONOPTIMIZE: '2', PYTHONHASHSEED: '7' };
  const first = (await call({ behaviour: 'environment' }, { ...foreign, LC_ALL: 'C.UTF-8' })) as Surroundings;
  const second = (await call({ behaviour: 'environment' })) as Surroundings;
  expect(first.names).toEqual({ PYTHONHASHSEED: '0', PYTHONNOUSERSITE: '1' });
  expect(first.path).not.toContain(folder);
  expect(first.path.some((entry) => entry.endsWith('fixtures'))).toBe(false);
  expect(second.hash).toBe(first.hash);
  // Not only where the locale happens to say so.
  expect(first.utf8).toBe(1);
});

test('a script that is not there is MF3203, not a message of Python', async () => {
  const missing = new URL('./fixtures/none.py', import.meta.url);
  await expect(call({}, {}, undefined, { script: missing })).rejects.toThrow(/MF3203: The Python script .*none\.py cannot be read/);
});
