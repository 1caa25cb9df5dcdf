import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { failure } from '../spec/diagnostic.ts';
import type { ProcessRequest, ProcessResult, ProcessRunner } from '../spec/port.ts';
import { findProgram } from './find-program.ts';
import { keepTail, splitLines } from './lines.ts';
import { type StartedChild, startOf } from './process-identity.ts';
import { endStrays, markVariable } from './strays.ts';

/** What is kept of stdout and of stderr for the result; lines are handed on as they come, however many there are. */
const keptBytes = 1024 * 1024;
/** After the whole group is dead only a process that left it can hold a stream open; how long it is listened to when it says nothing. */
const silenceMs = 1_000;

/**
 * The command replaces the shell and so leads the process group. The watchdog lives in the same group and holds the read end of file
 * descriptor 4, whose other end only the CLI has: whichever way the CLI ends, the kernel closes it, and the watchdog kills the group.
 * It ignores what may be sent to the group before; that is so before it is forked, and it is forked before the command begins: a signal
 * can come at any time. It holds none of the command's streams (their end would never come), and is no child of the command (which may
 * wait for all of its own). `kill -KILL -- -$$` is not understood by dash.
 */
const watched = `( trap '' TERM INT HUP QUIT; { while read -r _; do :; done <&4; kill -9 -$$; } </dev/null >/dev/null 2>&1 3>&- & )
exec 4<&-
exec "$@"`;

export interface ProcessRunnerOptions {
  /** Ends every child: SIGTERM to its group, some seconds to tidy up, SIGKILL. `run` rejects with its reason when the group is dead. */
  readonly signal: AbortSignal;
  /** What a group is given to end by itself after SIGTERM; 5 s by default. */
  readonly graceMs?: number;
  /** What children inherit; the environment of the CLI by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told of each child before its first line: enough to find it again, and with `mark` all that it has started. */
  readonly onStarted?: (child: StartedChild) => void;
}

/** Runs programs as `ProcessRunner` says, on Linux and macOS. A process that leaves its group (setsid) is found by its mark on Linux, and is out of reach elsewhere. */
export function processRunner(given: ProcessRunnerOptions): ProcessRunner {
  return {
    async run(request) {
      given.signal.throwIfAborted();
      const mark = randomUUID();
      const env = childEnv(given.env ?? process.env, request.env, mark);
      const cwd = request.cwd ?? process.cwd();
      const program = await startable(request.command, env, cwd);
      const child = await start(program, request, env, cwd, mark);
      try {
        given.onStarted?.({ pid: child.pid, startedAt: startOf(child.pid) ?? '', mark });
      } catch (error) {
        await kill(child);
        throw error;
      }
      return await follow(child, request, given);
    },
  };
}

function childEnv(
  base: Readonly<Record<string, string | undefined>>,
  more: Readonly<Record<string, string>> | undefined,
  mark: string,
): Record<string, string> {
  const marks = [base[markVariable], mark].filter(Boolean).join(' ');
  const quiet = { TF_CPP_MIN_LOG_LEVEL: '2', ...base, ORT_DISABLE_TELEMETRY: '1', ...more, [markVariable]: marks };
  return Object.fromEntries(Object.entries(quiet).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** The shell in between would report a missing program as exit code 127, which a program may also give: so it is looked for before. */
async function startable(command: string, env: Readonly<Record<string, string>>, cwd: string): Promise<string> {
  const folder = await stat(cwd).catch((cause: unknown) => {
    throw failure('MF3001', `"${command}" cannot be started: its working folder ${cwd} is not there`, { cause });
  });
  if (!folder.isDirectory()) throw failure('MF3001', `"${command}" cannot be started: ${cwd} is not a folder`);
  const program = await findProgram(command, env, cwd);
  if (program !== undefined) return program;
  throw command.includes('/')
    ? failure('MF3001', `${command} cannot be started: there is no executable file of that name`, {
        hint: 'Check the path, and that the file may be executed (chmod +x).',
      })
    : failure('MF3001', `The program "${command}" is not on the PATH`, {
        hint: `Install it, or add its folder to PATH.`,
        detail: [`PATH=${env['PATH'] ?? ''}`],
      });
}

interface Child {
  readonly pid: number;
  readonly mark: string;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly progress: Readable;
  /** Ending it ends the group. Its read side ends when the watchdog is dead, and with it the whole group. */
  readonly lifeline: Readable & Writable;
  readonly exited: Promise<void>;
  readonly ended: Promise<{ readonly exitCode?: number | undefined; readonly signal?: string | undefined }>;
}

async function start(
  program: string,
  request: ProcessRequest,
  env: Readonly<Record<string, string>>,
  cwd: string,
  mark: string,
): Promise<Child> {
  const { execa } = await import('execa');
  const subprocess = execa('/bin/sh', ['-c', watched, 'modelflow', program, ...request.args], {
    cwd,
    env,
    extendEnv: false,
    input: request.input ?? '',
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    detached: true,
    buffer: false,
    reject: false,
    cleanup: false,
  });
  const { pid } = subprocess;
  if (pid === undefined) {
    const { cause, message } = (await subprocess) as { cause?: unknown; message?: string };
    throw failure('MF3001', `${program} cannot be started: ${cause instanceof Error ? cause.message : message}`, { cause });
  }
  const exited = new Promise<void>((resolve) => subprocess.nodeChildProcess.once('exit', () => resolve()));
  const [, stdout, stderr, progress, lifeline] = subprocess.stdio;
  // Every entry of `stdio` above is 'pipe', so each is a stream; the socket of a pipe goes both ways.
  return { pid, mark, stdout, stderr, progress, lifeline, exited, ended: subprocess } as unknown as Child;
}

async function follow(child: Child, request: ProcessRequest, { signal, graceMs = 5_000 }: ProcessRunnerOptions): Promise<ProcessResult> {
  const stdout = keepTail(keptBytes);
  const stderr = keepTail(keptBytes);
  const streams = [
    listen(child.stdout, stdout.write, (line) => request.onLine?.(line, 'stdout')),
    listen(child.stderr, stderr.write, (line) => request.onLine?.(line, 'stderr')),
    listen(
      child.progress,
      () => undefined,
      (line) => request.onProgressLine?.(line),
    ),
  ];
  child.lifeline.resume();
  const dead = new Promise<void>((resolve) => child.lifeline.once('close', () => resolve()));
  const stop = terminator(child, graceMs);
  signal.addEventListener('abort', stop.begin, { once: true });
  if (signal.aborted) stop.begin();
  try {
    await child.exited;
    // The watchdog would do the same at the end of its lifeline; while it lives, the number of the group cannot be anybody else's.
    signalGroup(child.pid, 'SIGKILL');
    child.lifeline.end();
    await dead;
    // Told to stop, nothing of it may go on, also what left the group. A program that ended by itself may have left a service on purpose.
    if (signal.aborted) endStrays([child.mark]);
    await Promise.all(streams.map((stream) => stream.atItsEnd()));
    const { exitCode, signal: by } = await child.ended;
    for (const stream of streams) stream.rethrow();
    signal.throwIfAborted();
    return { exitCode, signal: by, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    signal.removeEventListener('abort', stop.begin);
    stop.over();
    // Once more for one that was told to stop after it had ended.
    if (signal.aborted) endStrays([child.mark]);
  }
}

function terminator(child: Child, graceMs: number): { begin(): void; over(): void } {
  let patience: NodeJS.Timeout | undefined;
  return {
    begin() {
      signalGroup(child.pid, 'SIGTERM');
      patience = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
    },
    over: () => clearTimeout(patience),
  };
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch (error) {
    // ESRCH: nobody is left. EPERM: macOS says so of a group of which only the dead are left.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

async function kill(child: Child): Promise<void> {
  signalGroup(child.pid, 'SIGKILL');
  for (const stream of [child.stdout, child.stderr, child.progress, child.lifeline]) stream.destroy();
  await child.ended;
}

interface Listener {
  /** Resolves when every line was handed on. Gives up a stream that says nothing any more but stays open. */
  atItsEnd(): Promise<void>;
  /** What a listener of the caller threw must not be lost, nor may it end the process from inside a stream event. */
  rethrow(): void;
}

function listen(stream: Readable, keep: (chunk: Uint8Array) => void, onLine: (line: string) => void): Listener {
  let thrown: { readonly error: unknown } | undefined;
  let heard = false;
  const lines = splitLines((line) => {
    try {
      onLine(line);
    } catch (error) {
      thrown ??= { error };
    }
  });
  stream.on('data', (chunk: Uint8Array) => {
    heard = true;
    keep(chunk);
    lines.write(chunk);
  });
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  return {
    async atItsEnd() {
      const silence = setInterval(() => {
        heard = false;
        // Not at once: where this thread was busy all the time, what was written meanwhile is read only after the timers.
        setImmediate(() => {
          if (!heard) stream.destroy();
        });
      }, silenceMs);
      await closed;
      clearInterval(silence);
      lines.end();
    },
    rethrow() {
      if (thrown) throw thrown.error;
    },
  };
}
