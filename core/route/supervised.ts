import type { Socket } from 'node:net';
import { Admin, type AdminAnswer, type AdminRequest } from './admin.ts';
import { routerFront } from './front.ts';
import { Router } from './router.ts';

/** What whoever started the router says to it. */
export type ToRouter =
  | { readonly type: 'connection' }
  | { readonly type: 'ask'; readonly id: number; readonly request: AdminRequest }
  | { readonly type: 'drain' };

/** What it says back. */
export type FromRouter =
  | { readonly type: 'ready' }
  | { readonly type: 'answer'; readonly id: number; readonly answer: AdminAnswer }
  | { readonly type: 'drained' };

/** A router that owns no port: connections, tables and questions come over the channel to the process that started it. */
export async function serveSupervised(): Promise<void> {
  const router = new Router();
  const { server, connections } = routerFront(router);
  const admin = new Admin({ router, keep: async () => {}, isDraining: () => connections.isDraining });
  const tell = (message: FromRouter): void => {
    if (process.connected) process.send?.(message);
  };
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    void connections.drain({ idleGraceMs: 5_000, limitMs: 45_000 }).then(() => {
      if (!process.connected) process.exit(0);
      process.send?.({ type: 'drained' } satisfies FromRouter, () => process.exit(0));
    });
  };
  process.on('message', (message: ToRouter, socket: Socket | undefined) => {
    switch (message.type) {
      case 'connection':
        // The client may have gone on the way here: then there is no socket.
        if (socket !== undefined) accept(server, socket);
        return;
      case 'ask':
        void admin.answer(message.request).then((answer) => tell({ type: 'answer', id: message.id, answer }));
        return;
      case 'drain':
        return end();
    }
  });
  process.on('disconnect', end);
  // A terminal sends the signal to the whole group; whoever started it decides what that means.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', end);
  tell({ type: 'ready' });
}

function accept(server: ReturnType<typeof routerFront>['server'], socket: Socket): void {
  socket.setNoDelay(true);
  server.emit('connection', socket);
  // A socket from another process comes paused, so that no byte was read where it came from.
  socket.resume();
}
