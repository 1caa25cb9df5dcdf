import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ProcessRequest, ProcessResult } from '../../core/spec/port.ts';
import { processRunner } from '../../core/world/process.ts';
import { isAlive, type ProcessIdentity } from '../../core/world/process-identity.ts';
import { exitOf, lifeSign, program, startFixture, temporaryFolder } from './kit.ts';

const never = new AbortController().signal;
const run = (request: ProcessRequest): Promise<ProcessResult> => processRunner({ signal: never }).run(request);
const shell = (script: string, more: Partial<ProcessRequest> = {}): Promise<ProcessResult> =>
  run({ command: 'sh', args: ['-c', script], ...more });

/** A child that ignores SIGTERM, with a grandchild that does too; both hold the named pipe, and say so. */
const stubborn = (path: string): string =>
  `exec 5>${path}; trap '' TERM; sh -c 'echo grandchild >&5; sleep 1000; :' & echo child >&5; wait; sleep 1000; :`;

test('a command and its children are dead soon after the CLI was killed with SIGKILL', async () => {
  const alive = lifeSign(temporaryFolder());
  const cli = startFixture('run-command.ts', ['sh', '-c', stubborn(alive.path)]);
  expect([await alive.line(), await alive.line()].toSorted()).toEqual(['child', 'grandchild']);
  cli.kill('SIGKILL');
  expect(await exitOf(cli)).toBe('SIGKILL');
  await alive.closed;
});

test('a CLI that is killed while it waits for a stopped command takes the command along', async () => {
  const alive = lifeSign(temporaryFolder());
  const cli = startFixture('run-command.ts', [
    'sh',
    '-c',
    `exec 5>${alive.path}; trap 'echo asked >&5' TERM; echo child >&5; while :; do sleep 0.05; done`,
  ]);
  expect(await alive.line()).toBe('child');
  cli.kill('SIGTERM');
  expect(await alive.line()).toBe('asked');
  cli.kill('SIGKILL');
  await alive.closed;
});

test('an abort ends the whole group, also one that ignores SIGTERM, before run rejects with the reason', async () => {
  const alive = lifeSign(temporaryFolder());
  const stop = new AbortController();
  const started: ProcessIdentity[] = [];
  const running = processRunner({ signal: stop.signal, graceMs: 50, onStarted: (child) => started.push(child) }).run({
    command: 'sh',
    args: ['-c', stubborn(alive.path)],
  });
  const rejected = expect(running).rejects.toBe('enough');
  await alive.line();
  await alive.line();
  expect(started.map(isAlive)).toEqual([true]);
  stop.abort('enough');
  await rejected;
  expect(started.map(isAlive)).toEqual([false]);
  await alive.closed;
});

test('a command may tidy up after an abort', async () => {
  const folder = temporaryFolder();
  const stop = new AbortController();
  const running = processRunner({ signal: stop.signal }).run({
    command: 'sh',
    args: ['-c', 'trap "echo tidy > tidied; exit 0" TERM; echo ready; while :; do sleep 0.01; done'],
    cwd: folder,
    onLine: () => stop.abort(),
  });
  await expect(running).rejects.toThrow(/aborted/);
  expect(existsSync(join(folder, 'tidied'))).toBe(true);
});

test('nothing is started after the abort', async () => {
  const folder = temporaryFolder();
  const running = processRunner({ signal: AbortSignal.abort('too late') }).run({ command: 'touch', args: ['made'], cwd: folder });
  await expect(running).rejects.toBe('too late');
  expect(existsSync(join(folder, 'made'))).toBe(false);
});

test('what a command leaves running is killed when it ends, even if it holds stdout open', async () => {
  const alive = lifeSign(temporaryFolder());
  const result = await shell(`exec 5>${alive.path}; sh -c 'trap "" TERM; echo left >&5; sleep 1000; :' & read -r line; echo done`, {
    input: 'go\n',
  });
  expect(result).toMatchObject({ exitCode: 0, stdout: 'done\n' });
  await alive.closed;
});

test('a process that left the group cannot keep a finished command from being finished', async () => {
  const leave = `const { spawn } = require('node:child_process');
const left = spawn('sleep', ['1000'], { detached: true, stdio: 'inherit' });
process.stdout.write(String(left.pid)); left.unref();`;
  const { stdout } = await run({ command: process.execPath, args: ['-e', leave] });
  // 0 would be the group of the tests.
  expect(Number(stdout)).toBeGreaterThan(1);
  process.kill(Number(stdout), 'SIGKILL');
});

test('an abort also ends what has left the group, and what that has started', async () => {
  const alive = lifeSign(temporaryFolder());
  const controller = new AbortController();
  const running = processRunner({ signal: controller.signal }).run({
    command: 'sh',
    args: ['-c', `exec 5>${alive.path}; setsid sh -c 'trap "" TERM; echo gone >&5; setsid sleep 1000 & echo begun; sleep 1000; :' & wait`],
    onLine: () => controller.abort('enough'),
  });
  await expect(running).rejects.toBe('enough');
  await alive.closed;
});

test('stdin, both outputs and file descriptor 3 reach their ends as lines', async () => {
  const lines: string[] = [];
  const progress: string[] = [];
  const result = await shell('cat; printf "über\\r\\nno end"; echo oops >&2; printf "10%%\\r20%%\\rdone\\n" >&3; echo more >&3; exit 3', {
    input: 'first\nsecond\n',
    onLine: (line, stream) => lines.push(`${stream} ${line}`),
    onProgressLine: (line) => progress.push(line),
  });
  expect(result).toEqual({ exitCode: 3, signal: undefined, stdout: 'first\nsecond\nüber\r\nno end', stderr: 'oops\n' });
  expect(lines.filter((line) => line.startsWith('stdout'))).toEqual(['stdout first', 'stdout second', 'stdout über', 'stdout no end']);
  expect(lines.filter((line) => line.startsWith('stderr'))).toEqual(['stderr oops']);
  expect(progress).toEqual(['done', 'more']);
});

test('the last line is handed on before the end is told, even without a line ending', async () => {
  const ends = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const lines: string[] = [];
      await shell('printf end; printf "progress" >&3', { onLine: (line) => lines.push(line), onProgressLine: (line) => lines.push(line) });
      return lines.toSorted().join(' ');
    }),
  );
  expect(new Set(ends)).toEqual(new Set(['end progress']));
});

test('a command that does not read its input is no failure', async () => {
  expect(await run({ command: 'true', args: [], input: 'x'.repeat(4_000_000) })).toMatchObject({ exitCode: 0 });
});

test('the signal that ended a command is told', async () => {
  expect(await shell('kill -SEGV $$')).toMatchObject({ exitCode: undefined, signal: 'SIGSEGV' });
});

test('of a flood of output every line is handed on and the last mebibyte kept', async () => {
  let count = 0;
  const result = await shell('i=0; while [ $i -lt 200 ]; do echo "$LINE$i"; i=$((i+1)); done', {
    env: { LINE: 'x'.repeat(100_000) },
    onLine: () => (count += 1),
  });
  expect(count).toBe(200);
  expect(result.stdout).toHaveLength(1024 * 1024);
  expect(result.stdout.endsWith('x199\n')).toBe(true);
});

test('arguments and environment arrive as they are, and the runtime of the children is silent about its user', async () => {
  const args = ['a b', '', '$HOME', "it's", '"; exit 1'];
  const result = await processRunner({ signal: never, env: { PATH: process.env['PATH'], FROM: 'base', GONE: undefined, KEPT: 'yes' } }).run(
    {
      command: 'sh',
      args: ['-c', 'printf "[%s]" "$@"; echo; env; (: <&4) 2>/dev/null && echo "4 is open"', 'sh', ...args],
      env: { FROM: 'request' },
    },
  );
  const [first, ...env] = result.stdout.trim().split('\n');
  expect(first).toBe(args.map((arg) => `[${arg}]`).join(''));
  expect(env).toEqual(expect.arrayContaining(['FROM=request', 'KEPT=yes', 'ORT_DISABLE_TELEMETRY=1', 'TF_CPP_MIN_LOG_LEVEL=2']));
  expect(result.stdout).not.toMatch(/GONE|4 is open/);
});

test('a program that cannot be started is a diagnostic, and exit code 127 is not', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'plain'), '');
  chmodSync(join(folder, 'plain'), 0o644);
  const message = (request: ProcessRequest): Promise<unknown> => run(request).catch((error: unknown) => (error as Error).message);
  expect(await message({ command: 'no-such-program', args: [] })).toBe('MF3001: The program "no-such-program" is not on the PATH');
  expect(await message({ command: './plain', args: [], cwd: folder })).toMatch(/MF3001: .*plain cannot be started/);
  expect(await message({ command: 'true', args: [], cwd: join(folder, 'nowhere') })).toMatch(
    /MF3001: .*working folder .*nowhere is not there/,
  );
  expect(await message({ command: 'true', args: ['x'.repeat(5_000_000)] })).toMatch(/MF3001: .*true cannot be started: .*E2BIG/);
  expect(await shell('exit 127')).toMatchObject({ exitCode: 127 });
});

test('a program is found by a path relative to the working folder of the child', async () => {
  const folder = temporaryFolder();
  program(join(folder, 'hello'), '#!/bin/sh\necho hello from "$(pwd)"\n');
  expect((await run({ command: './hello', args: [], cwd: folder })).stdout).toBe(`hello from ${folder}\n`);
});

test('what a listener throws comes out of run, after the command has ended', async () => {
  const stumble = (): never => {
    throw new Error('the listener stumbled');
  };
  await expect(shell('echo one; echo two', { onLine: stumble })).rejects.toThrow('the listener stumbled');
});

test('no child outlives a listener of started children that throws', async () => {
  const started: ProcessIdentity[] = [];
  const runner = processRunner({
    signal: never,
    onStarted: (child) => {
      started.push(child);
      throw new Error('the journal is full');
    },
  });
  await expect(runner.run({ command: 'sleep', args: ['1000'] })).rejects.toThrow('the journal is full');
  expect(started.map(({ startedAt }) => startedAt)).not.toContain('');
  expect(started.map(isAlive)).toEqual([false]);
});
