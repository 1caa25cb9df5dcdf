import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { contentPolicy, type PagePieces, wholePage } from '../report/page/page.ts';
import { styleSheet } from '../report/page/style.ts';
import { type FollowedRun, followRuns, type RunsFollower } from './page-follow.ts';
import { isAtWork } from './run-record.ts';
import type { Workspace } from './workspace.ts';

export interface PageServer {
  readonly url: string;
  /** Ends the connections of browsers too. */
  close(): Promise<void>;
}

/** In the list to choose from. */
const listedRuns = 50;

/** Serves the pages on the loopback interface. It only reads: there is no request that changes anything. */
export async function servePages(workspace: Workspace, port: number): Promise<PageServer> {
  const follower = followRuns(workspace);
  const server = createServer((request, response) => {
    answer(workspace, follower, request, response).catch((error: unknown) => {
      if (!response.headersSent)
        plain(response, 500, `The page could not be made: ${error instanceof Error ? error.message : String(error)}`);
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      follower.end();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function answer(workspace: Workspace, follower: RunsFollower, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A name that points here from elsewhere would let a foreign page read what is shown.
  if (!isOurs(request)) return plain(response, 403, 'This address is served to 127.0.0.1 and localhost only.');
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(response, 405, 'Pages can only be read.');
  const [pathname = '/'] = (request.url ?? '/').split('?');
  const [, first = '', second] = /^\/(?:(runs|events)\/([\w-]+))?$/.exec(pathname) ?? [];
  if (pathname !== '/' && first === '') return plain(response, 404, 'There is no such page.');
  const ids = workspace.store.runs.ids();
  const run = second === undefined || second === 'last' ? ids.at(-1) : ids.find((id) => id === second);
  if (run === undefined && second !== undefined && second !== 'last') return plain(response, 404, 'There is no such run.');
  if (first === 'events') return stream(follower, second === 'last' ? undefined : run, request, response);
  const followed = run === undefined ? undefined : await follower.pieces(run);
  const page = wholePage(followed ?? emptyPage(workspace), {
    events: second === undefined ? '/events/last' : run !== undefined && isAtWork(workspace.store, run) ? `/events/${run}` : undefined,
    runs: ids
      .slice(-listedRuns)
      .toReversed()
      .map((id) => ({ run: id, href: `/runs/${id}`, isShown: id === run })),
  });
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentPolicy(styleSheet(), true),
  });
  response.end(request.method === 'HEAD' ? undefined : page);
}

function emptyPage({ store }: Workspace): PagePieces {
  const text = 'Nothing has been run yet. This page shows the first run as soon as it begins.';
  return {
    title: `${store.scope}: no run yet`,
    pieces: new Map([['head', `<header id="head"><h1>No run yet</h1><p>${text}</p></header>`]]),
    navigation: '<ul id="navigation"></ul>',
  };
}

const headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};

function isOurs(request: IncomingMessage): boolean {
  const port = request.socket.localPort;
  const hosts = ['127.0.0.1', 'localhost'].map((name) => (port === 80 ? name : `${name}:${port}`));
  const site = request.headers['sec-fetch-site'];
  return (
    hosts.includes(request.headers.host?.toLowerCase() ?? '') &&
    (site === undefined || site === 'same-origin' || site === 'none' || request.headers['sec-fetch-mode'] === 'navigate')
  );
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

/** Server-sent events: only the parts of the page that changed, until the run is over. `run` undefined: whichever is the last. */
function stream(follower: RunsFollower, run: string | undefined, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
  response.write('retry: 1000\n\n');
  const send = (event: string, value: unknown): void => void response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
  const sent = new Map<string, string>();
  const shown = { run };
  const stop = follower.watch(run, (now: FollowedRun) => {
    if (run === undefined && shown.run !== undefined && shown.run !== now.run) send('newer', { href: '/' });
    shown.run = now.run;
    const parts = changed(now.page, sent);
    if (Object.keys(parts).length > 0) send('parts', { title: now.page.title, order: [...now.page.pieces.keys()], parts });
    if (now.isOver && run !== undefined) send('over', {});
  });
  request.on('close', stop);
}

/** What a browser does not have yet; afterwards it counts as sent. */
function changed({ pieces, navigation }: PagePieces, sent: Map<string, string>): Readonly<Record<string, string>> {
  const all = [...pieces, ['navigation', navigation] as const];
  const fresh = all.filter(([id, markup]) => sent.get(id) !== markup);
  for (const [id, markup] of fresh) sent.set(id, markup);
  return Object.fromEntries(fresh);
}
