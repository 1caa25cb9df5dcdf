import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const entry = fileURLToPath(new URL('../../core/serve/main.ts', import.meta.url));

/** A server process that is given connections, as the supervisor of the local target starts it. */
export interface SupervisedChild {
  readonly messages: readonly { readonly type: string; readonly message?: string }[];
  readonly exitCode: Promise<number | null>;
  /** Resolves with the first message. */
  readonly first: Promise<{ readonly type: string; readonly message?: string }>;
  give(socket: Socket): void;
  drain(): void;
  disconnect(): void;
}

export function forkServer(args: readonly string[]): SupervisedChild {
  const child = fork(entry, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const messages: { readonly type: string; readonly message?: string }[] = [];
  child.on('message', (message) => messages.push(message as { readonly type: string }));
  return {
    messages,
    first: once(child, 'message').then(([message]) => message),
    exitCode: exitOf(child),
    give: (socket) => void child.send({ type: 'connection' }, socket),
    drain: () => void child.send({ type: 'drain' }),
    disconnect: () => child.disconnect(),
  };
}

/** A server process that listens itself. */
export interface LoneChild {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | null>;
  /** The next line that it prints. */
  nextLine(): Promise<string>;
}

export function spawnServer(args: readonly string[]): LoneChild {
  const child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  return {
    child,
    exitCode: exitOf(child),
    nextLine: async () => {
      const { value } = await lines.next();
      return String(value);
    },
  };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return once(child, 'exit').then(([code]) => code);
}
