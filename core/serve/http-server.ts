import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { discardBody, readBody, tooLarge } from './body.ts';
import { Connections } from './connections.ts';
import { json, type Reply } from './exchange.ts';
import type { Metrics, Protocol } from './metrics.ts';
import { RequestError } from './request-error.ts';
import { findRoute, type Route, type ServerState } from './router.ts';
import type { ServedModel } from './served-model.ts';

export interface HttpOptions {
  readonly model: ServedModel;
  readonly metrics: Metrics;
  readonly serverVersion: string;
  readonly maxBodyBytes: number;
  /** From the arrival of an inference request to its answer. */
  readonly deadlineMs: number;
  /** How long the head of a request may take to arrive. */
  readonly headTimeoutMs: number;
  /** A failure that is ours, one line. */
  readonly log: (line: string) => void;
}

export interface HttpServer {
  readonly server: Server;
  readonly connections: Connections;
}

/** An HTTP server for the model. It never listens itself: connections are given to it by `connection` events, wherever they come from. */
export function createHttpServer(options: HttpOptions): HttpServer {
  const server = createServer({
    noDelay: true,
    // Longer than the idle time of the usual load balancers: the side that closes an idle connection first must not be this one.
    keepAliveTimeout: 75_000,
    headersTimeout: options.headTimeoutMs,
    requestTimeout: Math.max(120_000, options.headTimeoutMs),
    connectionsCheckingInterval: Math.min(5_000, options.headTimeoutMs),
  });
  const connections = new Connections(server);
  const state: ServerState = {
    serverName: 'modelflow',
    serverVersion: options.serverVersion,
    isDraining: () => connections.isDraining,
    metricsText: options.metrics.text,
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void exchange(request, response, options, state, connections);
  };
  server.on('request', listener);
  server.on('checkContinue', (request, response) => {
    // A body that is too large by its own word need not be sent at all.
    if (Number(request.headers['content-length'] ?? 0) <= options.maxBodyBytes) {
      response.writeContinue();
      listener(request, response);
      return;
    }
    response.shouldKeepAlive = false;
    send(response, errorReply(tooLarge(options.maxBodyBytes), options.log));
    options.metrics.answered('other', 413, 0, false);
  });
  server.on('clientError', answerGarbage);
  // Node starts the timers that end slow and idle connections when a server begins to listen, and this one does not.
  server.emit('listening');
  return { server, connections };
}

/** One request from its head to the end of its answer. Never rejects. */
async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpOptions,
  state: ServerState,
  connections: Connections,
): Promise<void> {
  const startedMs = performance.now();
  const answered = connections.began(request.socket);
  response.once('close', answered);
  let route: Route | undefined;
  let reply: Reply;
  try {
    route = findRoute(pathOf(request), options.model, state);
    checkMethod(request, route);
    reply = await withinDeadline(request, response, route, options);
  } catch (cause) {
    reply = errorReply(cause, options.log);
  }
  await discardBody(request);
  if (connections.endsWith(request.socket)) response.shouldKeepAlive = false;
  send(response, reply);
  const protocol: Protocol = route?.protocol ?? 'other';
  if (route?.kind !== 'probe') {
    options.metrics.answered(protocol, reply.status, performance.now() - startedMs, route?.kind === 'inference');
  }
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function checkMethod(request: IncomingMessage, { method }: Route): void {
  if (request.method === method || (method === 'GET' && request.method === 'HEAD')) return;
  const allow = method === 'GET' ? 'GET, HEAD' : method;
  throw new RequestError(405, `${request.method} is not allowed here; use ${method}`, { allow });
}

async function withinDeadline(request: IncomingMessage, response: ServerResponse, route: Route, options: HttpOptions): Promise<Reply> {
  const { model, maxBodyBytes, deadlineMs } = options;
  let isAbandoned = false;
  const call = { model, request, body: () => readBody(request, maxBodyBytes), isAbandoned: () => isAbandoned || response.destroyed };
  if (route.kind !== 'inference') return route.handler(call);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isAbandoned = true;
      reject(new RequestError(504, `no answer within the deadline of ${deadlineMs} ms`));
    }, deadlineMs);
  });
  try {
    return await Promise.race([route.handler(call), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function errorReply(cause: unknown, log: (line: string) => void): Reply {
  if (cause instanceof RequestError) return json({ error: cause.message }, cause.status, cause.headers);
  const message = cause instanceof Error ? cause.message : String(cause);
  log(`a request failed: ${cause instanceof Error ? (cause.stack ?? message) : message}`);
  return json({ error: `the server failed: ${message}` }, 500);
}

/** Head and body in one write. */
function send(response: ServerResponse, { status, body, contentType, headers }: Reply): void {
  if (response.destroyed || response.headersSent) return;
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  response.writeHead(status, { 'content-type': contentType, 'content-length': length, ...headers });
  response.end(body);
}

/** What Node could not read as HTTP, or what took too long to arrive. */
function answerGarbage(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] = garbageStatus(error.code);
  const body = JSON.stringify({ error: message });
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}

function garbageStatus(code: string | undefined): readonly [status: string, message: string] {
  if (code === 'HPE_HEADER_OVERFLOW') return ['431 Request Header Fields Too Large', 'the request headers are too large'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['408 Request Timeout', 'the request took too long to arrive'];
  return ['400 Bad Request', 'this is not HTTP'];
}
