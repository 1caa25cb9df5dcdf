import { createServer, type Server } from 'node:net';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { Admin, adminServer } from './admin.ts';
import { routerFront } from './front.ts';
import { Router } from './router.ts';
import { newestTable, writeTable } from './table-file.ts';

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  /** Read at the start, and written when another table is put. */
  readonly table: string | undefined;
  /** Read at the start, never written; the newer of the two counts. */
  readonly seed: string | undefined;
  readonly token: string | undefined;
  readonly log: (line: string) => void;
}

export interface RunningRouter {
  readonly port: number;
  readonly adminPort: number;
  /** Not ready from now on; connections are still taken for a while. Resolves when every request is answered. */
  drain(times?: { readonly lingerMs?: number; readonly idleGraceMs?: number }): Promise<void>;
}

/** A router that listens, with its own side on a second port. */
export async function serveRouter(options: ServeOptions): Promise<RunningRouter> {
  const { table, seed, token, log } = options;
  const router = new Router();
  const known = await newestTable([table, seed].flatMap((path) => path ?? []));
  if (known !== undefined) router.follow(known);
  const front = routerFront(router);
  const { connections } = front;
  const keep = async (next: Parameters<typeof writeTable>[1]): Promise<void> => {
    if (table !== undefined) await writeTable(table, next);
    log(`goes by table ${next.generation}: ${next.revisions.map(({ stamp, weight }) => `${stamp.slice(0, 12)} ${weight} %`).join(', ')}`);
  };
  const side = adminServer(new Admin({ router, keep, isDraining: () => connections.isDraining }), token);
  const listener = createServer({ noDelay: true }, (socket) => front.server.emit('connection', socket));
  const adminPort = await listen(side, options.adminPort, options.adminHost);
  const port = await listen(listener, options.port, options.host);
  return {
    port,
    adminPort,
    async drain({ lingerMs = 2_000, idleGraceMs = 5_000 } = {}) {
      connections.announceDrain();
      await pause(lingerMs);
      await acceptBacklog(listener);
      listener.close();
      await connections.drain({ idleGraceMs, limitMs: 60_000 });
      side.close();
      side.closeAllConnections();
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Connections that the kernel has taken but nobody accepted yet would be reset. The loop accepts one a turn; a quiet while means no more. */
async function acceptBacklog(listener: Server): Promise<void> {
  let quietTurns = 0;
  listener.on('connection', () => {
    quietTurns = 0;
  });
  const giveUpAt = performance.now() + 2_000;
  while (quietTurns < 5 && performance.now() < giveUpAt) {
    quietTurns += 1;
    await nextTurn();
  }
}
