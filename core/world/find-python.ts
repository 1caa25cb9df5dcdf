import { failure } from '../spec/diagnostic.ts';
import type { ProcessRunner } from '../spec/port.ts';
import { findProgram, programsOnPath } from './find-program.ts';

/** A Python that environments can be made from. */
export interface Python {
  readonly executable: string;
  /** For example `3.11.7`. */
  readonly version: string;
  /** For example `3.11`. */
  readonly series: string;
  /** What compiled packages must have been built for: system, processor, C library. */
  readonly platform: string;
  readonly hasPip: boolean;
  /** Can it make a virtual environment with pip in it? Debian keeps that in a package of its own. */
  readonly hasVenv: boolean;
}

/** A Python that was looked at, and why it was not taken (undefined: it can be). */
export interface TriedPython {
  readonly path: string;
  readonly version: string | undefined;
  readonly refused: string | undefined;
}

export interface PythonSearch {
  readonly python: Python | undefined;
  readonly tried: readonly TriedPython[];
}

type Env = Readonly<Record<string, string | undefined>>;
interface Looking {
  readonly process: ProcessRunner;
  readonly env: Env;
}

const supported = ['3.13', '3.12', '3.11'];
/** First what the user calls Python. */
const names = ['python3', ...supported.map((series) => `python${series}`), 'python'];

/** Understood by every Python since 2.7, so that an old one can be named with its version. */
const probe = `
import json, platform, sys, sysconfig
def has(name):
    try:
        import importlib.util
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False
print(json.dumps({
    "version": platform.python_version(),
    "executable": sys.executable,
    "implementation": platform.python_implementation(),
    "platform": sysconfig.get_platform() + "-" + (platform.libc_ver()[0] or "libc"),
    "threads": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "pip": has("pip"),
    "venv": has("venv") and has("ensurepip"),
}))
`;

/**
 * The Python that MODELFLOW_PYTHON names, or the first usable one on PATH. Each is run to be believed: a shim of pyenv may lead nowhere.
 * MF3201 with what was found when there is none.
 */
export async function findPython(given: Looking): Promise<Python> {
  const { python, tried } = await searchPython(given);
  if (python) return python;
  const named = given.env['MODELFLOW_PYTHON'];
  const detail = tried.map(({ path, refused }) => `${path}: ${refused}`);
  throw named
    ? failure('MF3201', `MODELFLOW_PYTHON names ${named}, which cannot be used`, {
        hint: 'Point it to a Python 3.11, 3.12 or 3.13, or unset it to have one looked for on PATH.',
        detail,
      })
    : failure('MF3201', `No Python 3.11, 3.12 or 3.13 was found on PATH${tried.length === 0 ? ': there is no python at all' : ''}`, {
        hint: 'Install one (apt install python3 python3-venv, brew install python@3.12, pyenv install 3.12), or name one in MODELFLOW_PYTHON.',
        detail,
      });
}

/** As `findPython`, but tells what it saw instead of failing. */
export async function searchPython(given: Looking): Promise<PythonSearch> {
  const tried: TriedPython[] = [];
  for (const path of await candidates(given.env)) {
    const looked = await look(path, given);
    tried.push(looked.tried);
    if (looked.python) return { python: looked.python, tried };
  }
  return { python: undefined, tried };
}

async function candidates(env: Env): Promise<readonly string[]> {
  const named = env['MODELFLOW_PYTHON'];
  if (named) return [(await findProgram(named, env, process.cwd())) ?? named];
  const found: string[] = [];
  for (const name of names) found.push(...(await programsOnPath(name, env, process.cwd())));
  return found;
}

async function look(path: string, given: Looking): Promise<{ readonly tried: TriedPython; readonly python?: Python }> {
  const refuse = (refused: string, version?: string): { readonly tried: TriedPython } => ({ tried: { path, version, refused } });
  if ((await findProgram(path, given.env, process.cwd())) === undefined) return refuse('there is no executable file of that name');
  // Neither the environment of the user nor a json.py in the working folder may get in the way.
  const { exitCode, stdout, stderr } = await given.process.run({ command: path, args: ['-E', '-s', '-c', probe], cwd: '/' });
  const said = exitCode === 0 ? parse(stdout) : undefined;
  if (!said) return refuse(`cannot be run (${firstLine(stderr) ?? `exit code ${exitCode}`})`);
  const { version } = said;
  const series = version.split('.').slice(0, 2).join('.');
  if (said.implementation !== 'CPython') return refuse(`is ${said.implementation} ${version}; CPython is needed`, version);
  if (!supported.includes(series)) return refuse(`is Python ${version}`, version);
  if (said.threads) return refuse(`is the free-threaded build of Python ${version}, for which the tools have no packages`, version);
  if (!said.pip && !said.venv) return refuse(`is Python ${version} without pip and venv (on Debian: apt install python3-venv)`, version);
  return {
    tried: { path, version, refused: undefined },
    python: { executable: said.executable, version, series, platform: said.platform, hasPip: said.pip, hasVenv: said.venv },
  };
}

interface Said {
  readonly version: string;
  readonly executable: string;
  readonly implementation: string;
  readonly platform: string;
  readonly threads: boolean;
  readonly pip: boolean;
  readonly venv: boolean;
}

function parse(stdout: string): Said | undefined {
  try {
    // What our own script printed; a program that is no Python hardly prints JSON with a version in it.
    const said = JSON.parse(stdout) as Partial<Said>;
    return typeof said.version === 'string' && typeof said.executable === 'string' ? (said as Said) : undefined;
  } catch {
    // Not what the script prints, so no Python: the caller says so.
    return undefined;
  }
}

function firstLine(text: string): string | undefined {
  return text.split('\n').find((line) => line.trim() !== '');
}
