import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Connections } from '../serve/connections.ts';
import type { Router } from './router.ts';

export interface Front {
  /** It never listens by itself: connections come from a listener, or over a channel. */
  readonly server: Server;
  readonly connections: Connections;
}

/** The side of the router that users see. */
export function routerFront(router: Router): Front {
  const server = createServer({
    noDelay: true,
    // Longer than the idle time of the usual load balancers: the side that closes an idle connection first must not be this one.
    keepAliveTimeout: 75_000,
    headersTimeout: 15_000,
    // A body takes as long as it takes, while something comes.
    requestTimeout: 0,
    insecureHTTPParser: false,
  });
  const connections = new Connections(server);
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    response.once('close', connections.began(request.socket));
    if (connections.endsWith(request.socket)) response.shouldKeepAlive = false;
    // What goes wrong with one request must not end the others.
    router.handle(request, response).catch(() => response.destroy());
  });
  server.on('clientError', (error: Error & { readonly code?: string }, socket: Socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  // Node starts the timers that end slow connections when a server begins to listen, and this one does not.
  server.emit('listening');
  return { server, connections };
}
