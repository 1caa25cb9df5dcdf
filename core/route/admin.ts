import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { metricsText } from './metrics.ts';
import type { Router } from './router.ts';
import { parseTable, type RouteTable, TableError } from './table.ts';

/** What was asked of the router's own side, however it came. */
export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface AdminAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface AdminOptions {
  readonly router: Router;
  /** Makes a table durable before anything goes by it. */
  readonly keep: (table: RouteTable) => Promise<void>;
  readonly isDraining: () => boolean;
}

const mostBodyBytes = 4 * 1024 * 1024;

/** The router's own side: the table, the counts, health and metrics. Changes are made one after the other. */
export class Admin {
  readonly #options: AdminOptions;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  async answer({ method, path, body }: AdminRequest): Promise<AdminAnswer> {
    const { router } = this.#options;
    switch (`${method} ${path}`) {
      case 'PUT /table':
        return this.#put(body);
      case 'GET /table':
        return json(200, { table: router.table, source: router.source, inFlight: router.inFlight });
      case 'GET /traffic':
        return json(200, { source: router.source, revisions: router.counts.revisions, comparisons: router.counts.comparisons });
      case 'GET /live':
        return json(200, { live: true });
      case 'GET /ready': {
        const ready = router.isReady && !this.#options.isDraining();
        return json(ready ? 200 : 503, { ready });
      }
      case 'GET /metrics':
        return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body: metricsText(router) };
      default:
        return json(404, { error: 'there are PUT and GET /table, GET /traffic, GET /live, GET /ready and GET /metrics' });
    }
  }

  #put(body: string): Promise<AdminAnswer> {
    const mine = this.#turn.then(() => this.#change(body));
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #change(body: string): Promise<AdminAnswer> {
    const { router, keep } = this.#options;
    try {
      const table = parseTable(body);
      const current = router.table;
      if (current !== undefined && table.generation <= current.generation) {
        const isSame = JSON.stringify(table) === JSON.stringify(current);
        if (isSame) return json(200, { generation: current.generation });
        const error = `generation ${table.generation} is not newer than ${current.generation}, which the router goes by`;
        return json(409, { error, generation: current.generation });
      }
      await keep(table);
      router.follow(table);
      return json(200, { generation: table.generation });
    } catch (error) {
      if (error instanceof TableError) return json(400, { error: error.message });
      return json(500, { error: `the table could not be kept: ${(error as Error).message}` });
    }
  }
}

/** The same over HTTP. With a token, whoever wants more than health and metrics has to show it. */
export function adminServer(admin: Admin, token: string | undefined): Server {
  return createServer(async (request, response) => {
    const { method = 'GET', url = '/' } = request;
    const isOpen = method === 'GET' && ['/live', '/ready', '/metrics'].includes(url);
    const body = isOpen || token === undefined || shows(request, token) ? await bodyOf(request) : undefined;
    const answer =
      body === undefined ? json(401, { error: 'the token is missing or wrong' }) : await admin.answer({ method, path: url, body });
    request.resume();
    response.writeHead(answer.status, { 'content-type': answer.contentType, 'content-length': Buffer.byteLength(answer.body) });
    response.end(answer.body);
  });
}

/** As a bearer token, or in a header that proxies on the way, such as an API server, do not take for theirs. */
function shows({ headers }: IncomingMessage, token: string): boolean {
  // Digests have one length, and how long a comparison takes tells nothing of them.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const shown = headers['x-modelflow-token'] ?? (headers.authorization ?? '').replace(/^Bearer /i, '');
  return timingSafeEqual(digest(String(shown)), digest(token));
}

/** Of what is too large only the beginning, which is no JSON then. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > mostBodyBytes) break;
      chunks.push(chunk);
    }
  } catch {
    // The client has gone; nobody reads the answer.
  }
  return Buffer.concat(chunks).toString();
}

function json(status: number, value: unknown): AdminAnswer {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}
