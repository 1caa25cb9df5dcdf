import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { processRunner } from './process.ts';

/** flock(2): the kernel lets go of it when the holder is gone, however it went. Python has it, Node has not. */
const holder = `
import errno, fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o644)
def say(*words):
    print(*words, flush=True)
try:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("busy", os.pread(fd, 200, 0).decode(errors="replace"))
        fcntl.flock(fd, fcntl.LOCK_EX)
    os.ftruncate(fd, 0)
    os.pwrite(fd, sys.argv[2].encode(), 0)
    say("held")
except OSError as error:
    say("unsupported", error.strerror)
while True:
    signal.pause()
`;

export interface MachineLock {
  /** A file that stays; only the lock on it comes and goes. */
  readonly path: string;
  /** Any Python 3; it lives as long as the lock is held. */
  readonly python: string;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Somebody else has it: told once, with the words the holder left, before the wait. */
  readonly onBusy: (holder: string) => void;
}

/**
 * Does something while no other process of this machine that asks for the same lock does. `held` is false on a file system that has
 * no locks: then the work must be safe (if wasteful) when done twice.
 */
export async function whileLocked<T>(lock: MachineLock, work: (held: boolean) => Promise<T>): Promise<T> {
  await mkdir(dirname(lock.path), { recursive: true });
  const release = new AbortController();
  const process = processRunner({ signal: AbortSignal.any([lock.signal, release.signal]), env: lock.env });
  const answer = Promise.withResolvers<boolean>();
  const holding = process
    .run({
      command: lock.python,
      args: ['-I', '-S', '-c', holder, lock.path, `process ${globalThis.process.pid} on ${hostname()}`],
      onLine: (line) => {
        if (line.startsWith('busy')) lock.onBusy(line.slice('busy '.length));
        if (line === 'held') answer.resolve(true);
        if (line.startsWith('unsupported')) answer.resolve(false);
      },
    })
    .then(
      ({ stderr }) => answer.reject(new Error(`the lock ${lock.path} could not be taken: ${stderr.trim()}`)),
      (error: unknown) => answer.reject(error),
    );
  try {
    return await work(await answer.promise);
  } finally {
    release.abort();
    await holding;
  }
}
