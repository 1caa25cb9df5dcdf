import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What the network does to one request: nothing, another answer, silence for a while, or a cut after so many bytes of the answer. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly delayMs?: number;
  readonly cutAfterBytes?: number;
  /** The server does what it is asked, and its answer gets lost with the connection. */
  readonly isLost?: true;
}

export interface FaultProxy {
  readonly port: number;
  /** Decides by the number of the request, from 1. */
  fault: (number: number, request: IncomingMessage) => Fault | undefined;
  /** Refuses every connection, as if nobody were there. */
  isDown: boolean;
  /** Method and path of every request. */
  readonly seen: string[];
}

/** Stands between the CLI and a real server, and spoils what it is told to. */
export async function faultProxy(to: number): Promise<FaultProxy> {
  const seen: string[] = [];
  const server = createServer((incoming, outgoing) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    const { status, headers, body, delayMs = 0, cutAfterBytes, isLost } = proxy.fault(seen.length, incoming) ?? {};
    if (status !== undefined) {
      incoming.resume();
      incoming.on('end', () => outgoing.writeHead(status, headers ?? { 'retry-after': '0' }).end(body));
      return;
    }
    const forward = request(
      { port: to, host: '127.0.0.1', method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        if (isLost) return void outgoing.destroy();
        setTimeout(() => {
          outgoing.writeHead(answer.statusCode ?? 500, answer.rawHeaders as never);
          let left = cutAfterBytes ?? Number.POSITIVE_INFINITY;
          answer.on('data', (piece: Buffer) => {
            if (left <= 0) return;
            outgoing.write(piece.subarray(0, left), () => {
              if (left <= 0) outgoing.destroy();
            });
            left -= piece.length;
          });
          answer.on('end', () => {
            if (left > 0) outgoing.end();
          });
        }, delayMs);
      },
    );
    forward.on('error', () => outgoing.destroy());
    incoming.pipe(forward);
  });
  server.on('connection', (socket) => {
    if (proxy.isDown) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const proxy: FaultProxy = { port: (server.address() as AddressInfo).port, fault: () => undefined, isDown: false, seen };
  return proxy;
}
