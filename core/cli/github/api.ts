import { setTimeout as pause } from 'node:timers/promises';
import { failure } from '../../spec/diagnostic.ts';
import { packageManifest } from '../package-root.ts';

/** GitHub's REST interface, as far as comments need it. */
export interface GithubApi {
  /** The parsed body of the answer. Fails with MF1211 when GitHub refuses, and with MF1212 when it cannot be had in time. */
  ask(method: Method, path: string, body?: object): Promise<unknown>;
  /** All pages of a list. */
  list(path: string): Promise<readonly unknown[]>;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface ApiAccess {
  readonly apiUrl: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

const answerWithinMs = 30_000;
/** What all waiting of one command comes to at most: a comment is not worth a job's time. */
const waitedAtMostMs = 120_000;
const attempts = 4;
const firstPauseMs = 500;
/** What GitHub asks for where it names no time. */
const unnamedPauseMs = 60_000;

export function githubApi(access: ApiAccess): GithubApi {
  const budget = { leftMs: waitedAtMostMs };
  const ask = (method: Method, url: string, body?: object): Promise<Response> => persistently(access, budget, method, url, body);
  return {
    ask: async (method, path, body) => parsed(await ask(method, `${access.apiUrl}${path}`, body)),
    async list(path) {
      const found: unknown[] = [];
      let url: string | undefined = `${access.apiUrl}${path}${path.includes('?') ? '&' : '?'}per_page=100`;
      while (url !== undefined) {
        const answer = await ask('GET', url);
        const page = await parsed(answer);
        if (!Array.isArray(page)) throw failure('MF1212', `${access.apiUrl} answered ${path} with something that is no list`);
        found.push(...page);
        url = nextPage(answer, access.apiUrl);
      }
      return found;
    },
  };
}

/** Once more after a limit of GitHub's, and after a fault of the way there when that does no harm. */
async function persistently(
  access: ApiAccess,
  budget: { leftMs: number },
  method: Method,
  url: string,
  body: object | undefined,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const answer = await once(access, method, url, body);
    if (answer instanceof Response && answer.ok) return answer;
    const waitMs = pauseBefore(answer, method, attempt);
    if (waitMs === undefined || attempt >= attempts || waitMs > budget.leftMs) throw await problemOf(answer, method, url, waitMs);
    if (answer instanceof Response) await answer.body?.cancel();
    budget.leftMs -= waitMs;
    await pause(waitMs, undefined, { signal: access.signal });
  }
}

async function once({ token, signal }: ApiAccess, method: Method, url: string, body: object | undefined): Promise<Response | Error> {
  try {
    return await fetch(url, {
      method,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${token}`,
        'user-agent': `modelflow/${packageManifest().version}`,
        'x-github-api-version': '2022-11-28',
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      // A redirect would take the token somewhere else.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Undefined: asking again would change nothing, or might do the same twice. */
function pauseBefore(answer: Response | Error, method: Method, attempt: number): number | undefined {
  const backoffMs = firstPauseMs * 2 ** (attempt - 1);
  if (answer instanceof Response && (answer.status === 429 || answer.status === 403)) return limitPauseMs(answer);
  const isFault = answer instanceof Error || answer.status >= 500;
  return isFault && method !== 'POST' ? backoffMs : undefined;
}

/** How long a limit holds; undefined for a refusal that is none. */
function limitPauseMs(answer: Response): number | undefined {
  const after = Number(answer.headers.get('retry-after') ?? Number.NaN);
  if (Number.isFinite(after)) return Math.max(0, after) * 1000;
  if (answer.headers.get('x-ratelimit-remaining') === '0') {
    const resetMs = Number(answer.headers.get('x-ratelimit-reset') ?? Number.NaN) * 1000 - Date.now();
    return Number.isFinite(resetMs) ? Math.max(0, resetMs) : unnamedPauseMs;
  }
  return answer.status === 429 ? unnamedPauseMs : undefined;
}

async function problemOf(answer: Response | Error, method: Method, url: string, waitMs: number | undefined): Promise<Error> {
  const { origin, pathname } = new URL(url);
  if (answer instanceof Error) {
    const cause = answer.cause instanceof Error ? `: ${answer.cause.message}` : '';
    return failure('MF1212', `${origin} did not answer ${method} ${pathname}: ${answer.message}${cause}`, { cause: answer });
  }
  const said = `${method} ${pathname}: ${answer.status} ${await messageIn(answer)}`.trim();
  const isLimit = answer.status === 429 || (answer.status === 403 && waitMs !== undefined);
  if (isLimit) return failure('MF1212', `GitHub's limit on requests holds for longer than is waited here (${said})`);
  if (answer.status >= 500) return failure('MF1212', `GitHub could not answer (${said})`);
  return failure('MF1211', `GitHub refused (${said})`, {
    hint:
      answer.status === 401 || answer.status === 403 || answer.status === 404
        ? 'Give the job `permissions: pull-requests: write`, and the step GITHUB_TOKEN.'
        : 'The plan is in the summary of the job.',
  });
}

async function messageIn(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => '');
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    // A proxy answers with a page.
    return '';
  }
}

async function parsed(answer: Response): Promise<unknown> {
  if (answer.status === 204) return undefined;
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw failure('MF1212', `${answer.url} did not answer with JSON: something between here and GitHub answers for it`, { cause });
  }
}

/** The token goes to no other server, whatever an answer says. */
function nextPage(answer: Response, apiUrl: string): string | undefined {
  const next = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
  return next !== undefined && new URL(next, apiUrl).origin === new URL(apiUrl).origin ? new URL(next, apiUrl).href : undefined;
}
