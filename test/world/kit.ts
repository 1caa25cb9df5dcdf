import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { strToU8, zipSync } from 'fflate';
import { onTestFinished } from 'vitest';
import type { Log } from '../../core/spec/port.ts';
import { findPython } from '../../core/world/find-python.ts';
import { processRunner } from '../../core/world/process.ts';
import type { PythonWorld } from '../../core/world/python-world.ts';

/** A new folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = newFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function newFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'modelflow-world-')));
}

export interface Said {
  readonly how: 'info' | 'warn' | 'progress';
  readonly text: string;
  readonly fraction?: number | undefined;
}

/** A log that remembers. */
export function recordingLog(): { readonly log: Log; readonly said: Said[]; text(): string } {
  const said: Said[] = [];
  const log: Log = {
    info: (text) => said.push({ how: 'info', text }),
    warn: (text) => said.push({ how: 'warn', text }),
    progress: (fraction, text) => said.push({ how: 'progress', text, fraction }),
  };
  return { log, said, text: () => said.map(({ how, text }) => `${how}: ${text}`).join('\n') };
}

/** Writes an executable script. */
export function program(path: string, text: string): string {
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}

export interface Wheel {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly lock: string;
}

/** A pure-Python wheel with one module, and the line that pins it. */
export function wheelOf(name: string, source: string): Wheel {
  const about = `${name}-1.0.dist-info`;
  const bytes = zipSync({
    [`${name}.py`]: strToU8(source),
    [`${about}/METADATA`]: strToU8(`Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`),
    [`${about}/WHEEL`]: strToU8('Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'),
    [`${about}/RECORD`]: strToU8(`${name}.py,,\n${about}/METADATA,,\n${about}/WHEEL,,\n${about}/RECORD,,\n`),
  });
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { file: `${name}-1.0-py3-none-any.whl`, bytes, lock: `${name}==1.0 --hash=sha256:${digest}\n` };
}

export function writeLock(folder: string, text: string): URL {
  const path = join(folder, 'requirements.lock');
  writeFileSync(path, text);
  return pathToFileURL(path);
}

/** A script of ./fixtures in a Node process of its own, in a process group of its own. */
export function startFixture(
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess & { readonly stdout: NodeJS.ReadableStream } {
  const script = fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
  const child = spawn(process.execPath, ['--no-warnings', script, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/**
 * A named pipe. Whoever holds it open for writing is alive: `closed` resolves when the last one is gone, with everything that was written;
 * `line` resolves with the next line.
 */
export function lifeSign(folder: string): { readonly path: string; line(): Promise<string>; readonly closed: Promise<string> } {
  const path = join(folder, 'alive');
  execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
  const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    reader.kill('SIGKILL');
  });
  const lines = readLines(reader.stdout);
  return { path, ...lines };
}

/** The lines of a stream, one after the other. */
export function readLines(stream: NodeJS.ReadableStream): { line(): Promise<string>; readonly closed: Promise<string> } {
  let text = '';
  let taken = 0;
  let ended = false;
  let wake = Promise.withResolvers<void>();
  const notify = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  const closed = new Promise<string>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      notify();
    });
    stream.on('end', () => {
      ended = true;
      notify();
      resolve(text);
    });
  });
  return {
    closed,
    async line() {
      for (;;) {
        const end = text.indexOf('\n', taken);
        if (end >= 0) {
          const line = text.slice(taken, end);
          taken = end + 1;
          return line;
        }
        if (ended) throw new Error(`no more lines; all that came: ${text}`);
        await wake.promise;
      }
    },
  };
}

export function exitOf(child: ChildProcess): Promise<number | string | null> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
}

export interface PythonPlace {
  /** PATH holds nothing but a Python; pip and uv know no index but what a test gives them. */
  readonly env: Readonly<Record<string, string>>;
  readonly bin: string;
}

/** An environment for tests in which nothing is found but a real Python. Caches of pip and uv are inside of `folder`. */
export async function pythonPlace(folder: string): Promise<PythonPlace> {
  const process_ = processRunner({ signal: new AbortController().signal });
  const { executable } = await findPython({ process: process_, env: process.env });
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  program(join(bin, 'python3'), `#!/bin/sh\nexec '${executable}' "$@"\n`);
  const own = /^(PIP_|UV_|PYTHON|MODELFLOW_)/;
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => !own.test(entry[0]) && entry[1] !== undefined),
  );
  const caches = {
    HOME: folder,
    UV_CACHE_DIR: join(folder, 'uv-cache'),
    PIP_CACHE_DIR: join(folder, 'pip-cache'),
    PIP_CONFIG_FILE: '/dev/null',
  };
  return { bin, env: { ...env, ...caches, PATH: bin } };
}

/** A world of real processes, as the CLI would make it. */
export function worldOf(
  env: Readonly<Record<string, string>>,
  cacheFolder: string,
  log: Log,
  signal = new AbortController().signal,
): PythonWorld {
  return { process: processRunner({ signal, env }), env, cacheFolder, log, signal };
}
