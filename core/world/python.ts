import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '../spec/diagnostic.ts';
import type { Log, ProcessRunner, PythonRequest, PythonRunner } from '../spec/port.ts';
import { type Conversation, converse } from './bridge.ts';
import { findPython, type Python } from './find-python.ts';
import { environmentPython } from './python-environment.ts';
import type { PythonWorld } from './python-world.ts';

export interface PythonRunnerOptions {
  readonly process: ProcessRunner;
  readonly log: Log;
  /** See `userCacheFolder`. */
  readonly cacheFolder: string;
  /** The one that `process` was given: it ends a wait for another process that makes the same environment. */
  readonly signal?: AbortSignal;
  /** Where Python and uv are looked for, and what pip and uv are told; the environment of the CLI by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Calls bridge scripts as `PythonRunner` says. Looks for Python and makes environments only when the first script is called. */
export function pythonRunner(given: PythonRunnerOptions): PythonRunner {
  const world: PythonWorld = { signal: new AbortController().signal, ...given, env: given.env ?? process.env };
  let found: Promise<Python> | undefined;
  return {
    async call(request) {
      // Looked for once, but not remembered when it failed.
      found ??= findPython(world);
      const python = await found.catch((error: unknown) => {
        found = undefined;
        throw error;
      });
      const executable = await environmentPython(world, python, request.environment);
      return await callScript(world, executable, request);
    },
  };
}

async function callScript(world: PythonWorld, executable: string, request: PythonRequest): Promise<unknown> {
  const script = fileURLToPath(request.script);
  await readFile(script).catch((cause: unknown) => {
    throw failure('MF3203', `The Python script ${script} cannot be read`, { cause });
  });
  const talk: Conversation = converse(world.log, basename(script));
  const result = await world.process.run({
    command: executable,
    // -s and -P: nothing from the user's site-packages and nothing that happens to lie beside the script. -I would also ignore the hash seed below.
    args: ['-s', '-P', '-u', '-X', 'utf8', script],
    env: pythonEnv(world.env),
    input: `${JSON.stringify(request.request)}\n`,
    onLine: talk.line,
    onProgressLine: talk.progressLine,
  });
  return talk.result(result);
}

/**
 * Empty counts as unset: nothing that was set for another Python reaches this one. The hash seed is fixed because converters walk over
 * sets, and the same model should give the same bytes. Bytecode is written (into the environment): without it each import of a large
 * library compiles it again.
 */
function pythonEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const unset = Object.keys(env).filter((name) => name.startsWith('PYTHON'));
  return { ...Object.fromEntries(unset.map((name) => [name, ''])), PYTHONHASHSEED: '0', PYTHONNOUSERSITE: '1' };
}
