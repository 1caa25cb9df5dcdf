import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Code, codes, failure, ModelflowError } from '../../../core/index.ts';
import type { Reply, Request, Status } from './protocol.ts';
import { type RequestTo1, type StatusOf1, statusFrom1 } from './protocol-1.ts';

/** The control socket lies in the folder of the service, whose permissions guard it. */
const socketName = 'control.sock';
/** Linux takes 107 bytes for the path of a socket, macOS 103. */
const longestSocketPath = 100;

/** What a supervisor does when it is asked. `signal` aborts when the asker goes away. */
export type Answer = (request: Request, tell: (line: string) => void, signal: AbortSignal) => Promise<Status>;

/** Listens in the current folder, which must be that of the service: a relative path is never too long. */
export async function serveControl(answer: Answer, onError: (error: unknown) => void): Promise<Server> {
  await rm(socketName, { force: true });
  const server = createServer((socket) => {
    const gone = new AbortController();
    socket.on('close', () => gone.abort());
    socket.on('error', () => gone.abort());
    const send = (reply: Reply) => {
      if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
    };
    const lines = createInterface({ input: socket });
    // It passes on what goes wrong with the socket: an asker that is killed before it has read everything resets the connection.
    lines.on('error', () => gone.abort());
    lines.once('line', (line) => {
      reply(line, answer, send, gone.signal)
        .catch(onError)
        .finally(() => socket.end());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketName, resolve);
  });
  return server;
}

async function reply(line: string, answer: Answer, send: (reply: Reply) => void, signal: AbortSignal): Promise<void> {
  try {
    // Only this user can reach the socket, and only this program writes to it.
    const request = JSON.parse(line) as Request;
    send({ ok: await answer(request, (log) => send({ log }), signal) });
  } catch (error) {
    if (signal.aborted) return;
    const known = error instanceof ModelflowError ? error.diagnostics[0] : undefined;
    if (known === undefined) {
      send({ failed: { code: 'MF5001', message: `the supervisor failed: ${error instanceof Error ? error.message : String(error)}` } });
      throw error;
    }
    const { code, message, hint, detail } = known;
    send({ failed: { code, message, ...(hint ? { hint } : {}), ...(detail ? { detail } : {}) } });
  }
}

/** Throws what the supervisor threw; aborting closes the connection, by which the supervisor knows. */
export async function ask(
  folder: string,
  request: Request | RequestTo1,
  given: { readonly signal: AbortSignal; readonly onLog?: (line: string) => void },
): Promise<Status | 'nobody-listens' | 'ended-meanwhile'> {
  const socket = await connect(folder);
  if (socket === undefined) return 'nobody-listens';
  const lines = createInterface({ input: socket });
  // A socket that is destroyed never ends, and the reading of lines would wait for ever.
  socket.on('close', () => lines.close());
  const abort = () => socket.destroy();
  given.signal.addEventListener('abort', abort);
  try {
    given.signal.throwIfAborted();
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const line of lines) {
      const reply = JSON.parse(line) as Reply;
      if ('log' in reply) given.onLog?.(reply.log);
      else if ('ok' in reply) return reply.ok.protocol === 1 ? statusFrom1(reply.ok as unknown as StatusOf1) : reply.ok;
      else throw failureOf(reply.failed);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  } finally {
    given.signal.removeEventListener('abort', abort);
    socket.destroy();
  }
  given.signal.throwIfAborted();
  return 'ended-meanwhile';
}

function failureOf({ code, message, ...more }: Extract<Reply, { readonly failed: unknown }>['failed']): ModelflowError {
  return failure(code in codes ? (code as Code) : 'MF5001', message, more);
}

async function connect(folder: string): Promise<Socket | undefined> {
  const path = join(folder, socketName);
  if (Buffer.byteLength(path) <= longestSocketPath) return connectTo(path);
  // A link in a folder of our own makes the path short; only its text has a limit, not what it leads to.
  const short = await mkdtemp(join(tmpdir(), 'mf-'));
  try {
    await symlink(folder, join(short, 's'));
    return await connectTo(join(short, 's', socketName));
  } finally {
    await rm(short, { recursive: true, force: true });
  }
}

async function connectTo(path: string): Promise<Socket | undefined> {
  const socket = createConnection(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.removeAllListeners('error');
    // An error after this ends the reading of lines, which says so.
    socket.on('error', () => {});
    return socket;
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
