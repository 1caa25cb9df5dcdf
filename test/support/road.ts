import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where the real one listens: a port of this machine or another, or a socket file. */
export type Place = { readonly host?: string; readonly port: number } | { readonly path: string };

/** The way to an engine or an API server, which a test can close. Bytes pass as they are. */
export interface Road {
  /** Where clients connect instead. */
  readonly at: Place;
  /** What clients have sent over it so far. */
  readonly sentBytes: number;
  /** Ends every connection at once and refuses new ones, as when the server has died; and when it is no longer needed. */
  cut(): Promise<void>;
  /** Keeps connections open, accepts new ones, and lets no byte pass, as when a machine hangs. */
  stall(): void;
  /** All is well again. Connections that were cut stay cut. */
  open(): Promise<void>;
}

export async function roadTo(real: Place, at: Place = { port: 0 }): Promise<Road> {
  const sockets = new Set<Socket>();
  let isStalled = false;
  let sentBytes = 0;
  let [here, server] = await listen(at, join);

  function join(near: Socket): void {
    const far = connect(real);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (piece) => {
        if (from === near) sentBytes += piece.length;
        if (!to.write(piece)) from.pause();
      });
      from.on('drain', () => {
        if (!isStalled) to.resume();
      });
      from.on('end', () => to.end());
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (isStalled) from.pause();
    }
  }
  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
  return {
    get at() {
      return here;
    },
    get sentBytes() {
      return sentBytes;
    },
    cut: close,
    stall() {
      isStalled = true;
      for (const socket of sockets) socket.pause();
    },
    async open() {
      isStalled = false;
      for (const socket of sockets) socket.resume();
      if (!server.listening) [here, server] = await listen(here, join);
    },
  };
}

async function listen(at: Place, join: (socket: Socket) => void): Promise<[Place, Server]> {
  const server = createServer({ allowHalfOpen: true }, join);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen('path' in at ? at : { host: '127.0.0.1', ...at }, resolve);
  });
  const address = server.address();
  return [typeof address === 'object' && address !== null ? { host: '127.0.0.1', port: address.port } : at, server];
}
