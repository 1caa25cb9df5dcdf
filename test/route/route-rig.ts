import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RouteRevision } from '../../core/route/index.ts';

const program = fileURLToPath(new URL('../../core/route/main.ts', import.meta.url));

export type Behaviour = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server behind the router, of this process. */
export interface Behind {
  readonly url: string;
  readonly server: Server;
  /** Requests that came. */
  asked: number;
  /** Ends it with everything that is under way. */
  kill(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A router as the program that it is, and servers behind it; `close` leaves nothing. */
export class RouteRig {
  readonly folder: string;
  url = '';
  #admin = 0;
  #router: ChildProcess | undefined;
  readonly #behind: Behind[] = [];
  readonly lines: string[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<RouteRig> {
    return new RouteRig(await mkdtemp(join(tmpdir(), 'mf-route-')));
  }

  get tablePath(): string {
    return join(this.folder, 'table.json');
  }

  /** Starts the router, on the ports that it had before if it had any. */
  async start(given: { readonly token?: string; readonly args?: readonly string[] } = {}): Promise<void> {
    const ports = ['--port', this.url === '' ? '0' : new URL(this.url).port, '--admin-port', String(this.#admin)];
    const args = [program, 'serve', '--host', '127.0.0.1', ...ports, '--table', this.tablePath, ...(given.args ?? [])];
    const env = { ...process.env, ...(given.token === undefined ? {} : { MODELFLOW_ROUTER_TOKEN: given.token }) };
    this.#router = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    const lines = createInterface({ input: this.#router.stderr as NodeJS.ReadableStream });
    await new Promise<void>((resolve, reject) => {
      this.#router?.once('exit', (code) => reject(new Error(`the router ended with ${code}: ${this.lines.join('\n')}`)));
      lines.on('line', (line) => {
        this.lines.push(line);
        const found = /listens on 127\.0\.0\.1:(\d+), its own side on 127\.0\.0\.1:(\d+)/.exec(line);
        if (found === null) return;
        this.url = `http://127.0.0.1:${found[1]}`;
        this.#admin = Number(found[2]);
        resolve();
      });
    });
  }

  /** Resolves with the exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const router = this.#router;
    if (router === undefined) return null;
    this.#router = undefined;
    const ended = once(router, 'exit');
    router.kill(signal);
    return (await ended)[0] as number | null;
  }

  async behind(behaviour: Behaviour, port = 0): Promise<Behind> {
    const server = createServer((request, response) => {
      behind.asked++;
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => behaviour(request, response, body));
    });
    server.keepAliveTimeout = 60_000;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const behind: Behind = {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      server,
      asked: 0,
      kill: async () => {
        const closed = server.listening ? once(server, 'close') : Promise.resolve();
        server.close();
        server.closeAllConnections();
        await closed;
      },
    };
    this.#behind.push(behind);
    return behind;
  }

  put(generation: number, revisions: readonly RouteRevision[], more: object = {}): Promise<Reply> {
    return this.admin('PUT', '/table', JSON.stringify({ generation, revisions, ...more }));
  }

  admin(method: string, path: string, body?: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    return call(`http://127.0.0.1:${this.#admin}${path}`, { method, body, headers });
  }

  async traffic(): Promise<{ readonly source: string; readonly revisions: readonly Counted[]; readonly comparisons: readonly Compared[] }> {
    return JSON.parse((await this.admin('GET', '/traffic')).text);
  }

  get adminPort(): number {
    return this.#admin;
  }

  async close(): Promise<void> {
    await this.end('SIGKILL');
    await Promise.all(this.#behind.map((each) => each.kill()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface Counted {
  readonly stamp: string;
  readonly requests: number;
  readonly failures: number;
  readonly latencies: readonly number[];
}

export interface Compared {
  readonly stable: string;
  readonly candidate: string;
  readonly compared: number;
  readonly disagreed: number;
  readonly failed: number;
  readonly shed: number;
  readonly latencies: readonly number[];
}

/** One request over a connection of its own. */
export function call(
  url: string,
  given: { readonly method?: string; readonly body?: string | undefined; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Reply> {
  const { method = given.body === undefined ? 'GET' : 'POST', body, headers = {} } = given;
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

export function says(text: string, status = 200): Behaviour {
  return (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

/** 0…1, the same sequence for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
