import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Comment {
  readonly id: number;
  body: string;
  readonly user: { readonly login: string; readonly type: string };
}

export interface Asked {
  readonly method: string;
  readonly path: string;
}

/** Answers instead of the server, when it says so. */
type Instead = (asked: Asked, response: ServerResponse) => boolean;

/** GitHub's REST interface as far as its documentation describes comments: pages, limits on their length, refusals. */
export interface GithubServer {
  readonly url: string;
  readonly comments: Comment[];
  readonly asked: Asked[];
  /** Comments of a person, and of the job's own bot. */
  say(body: string, user?: Comment['user']): Comment;
  /** Looks at each request first. */
  instead(answer: Instead): void;
  /** After a request was answered. */
  after(heard: (asked: Asked) => void): void;
}

export const bot = { login: 'github-actions[bot]', type: 'Bot' };
const token = 'a-token-of-a-job';

export async function githubServer(perPage = 100): Promise<GithubServer> {
  const comments: Comment[] = [];
  const asked: Asked[] = [];
  let [instead, after]: [Instead, (asked: Asked) => void] = [() => false, () => undefined];
  const say = (body: string, user = bot): Comment => {
    const comment = { id: 1000 + asked.length * 10 + comments.length, body, user };
    comments.push(comment);
    return comment;
  };
  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const one = { method: request.method ?? '', path: request.url ?? '' };
      asked.push(one);
      if (!instead(one, response)) answer(one, request, response, text);
      after(one);
    });
  });
  const answer = (one: Asked, request: IncomingMessage, response: ServerResponse, text: string): unknown => {
    const send = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): unknown => {
      return response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(body === undefined ? '' : JSON.stringify(body));
    };
    const shown = (each: Comment): object => ({ ...each, html_url: `https://github.test/acme/models/pull/7#issuecomment-${each.id}` });
    if (request.headers.authorization !== `Bearer ${token}`) return send(401, { message: 'Bad credentials' });
    if (one.path === '/api/v3/user') return send(403, { message: 'Resource not accessible by integration' });
    const url = new URL(one.path, 'http://x');
    const id = Number(/^\/api\/v3\/repos\/acme\/models\/issues\/comments\/(\d+)$/.exec(url.pathname)?.[1]);
    const body = text === '' ? '' : ((JSON.parse(text) as { readonly body: string }).body ?? '');
    if ([...body].length > 65_536) return send(422, { message: 'Validation Failed: body is too long (maximum is 65536 characters)' });
    const found = comments.find((each) => each.id === id);
    if (Number.isInteger(id)) {
      if (!found) return send(404, { message: 'Not Found' });
      if (one.method === 'DELETE') comments.splice(comments.indexOf(found), 1);
      if (one.method === 'PATCH') found.body = body;
      return one.method === 'DELETE' ? send(204, undefined) : send(200, shown(found));
    }
    if (url.pathname !== '/api/v3/repos/acme/models/issues/7/comments') return send(404, { message: 'Not Found' });
    if (one.method === 'POST') return send(201, shown(say(body)));
    const page = Number(url.searchParams.get('page') ?? 1);
    const size = Math.min(perPage, Number(url.searchParams.get('per_page') ?? 30));
    url.searchParams.set('page', String(page + 1));
    const next = `<http://${request.headers.host}${url.pathname}${url.search}>; rel="next"`;
    return send(200, comments.slice((page - 1) * size, page * size).map(shown), page * size < comments.length ? { link: next } : {});
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3`,
    comments,
    asked,
    say,
    instead: (given) => {
      instead = given;
    },
    after: (given) => {
      after = given;
    },
  };
}

export const tokenOfJob = token;

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request.setEncoding('utf8')) text += piece;
  return text;
}
