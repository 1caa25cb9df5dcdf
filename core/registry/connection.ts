import { RemoteError, type RemoteTrouble } from '../spec/remote.ts';
import { authorizer } from './authorizer.ts';
import { type Patience, withTries } from './patience.ts';
import { type ServerClock, serverClock } from './server-clock.ts';

export interface RegistryRequest {
  readonly signal: AbortSignal;
  /** Answers with another status are thrown as `RemoteError`. */
  readonly accept: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Goes on from what was sent before, so it cannot be sent twice. */
  readonly isOnce?: true;
}

/** What a registry answers that does not do what it was asked. */
export class RegistryError extends RemoteError {
  readonly status: number;
  /** The codes of the distribution specification, such as `NAME_UNKNOWN`. */
  readonly codes: readonly string[];

  constructor(
    trouble: RemoteTrouble,
    message: string,
    given: { readonly status: number; readonly codes: readonly string[]; readonly retryAfterMs?: number },
  ) {
    super(trouble, message, given);
    this.status = given.status;
    this.codes = given.codes;
  }
}

/** An answer that has been read to its end; undefined for 404. */
export interface RegistryAnswer {
  readonly url: string;
  readonly link: string | null;
  readonly body: unknown;
}

/** One repository of a registry, spoken to as its distribution specification says. */
export interface Connection {
  readonly clock: ServerClock;
  readonly patience: Patience;
  /** What the registry was shown for letting us in, in words; undefined when it did not ask. */
  shown(): string | undefined;
  /** `path` below `/v2/<repository>`, or a whole address that the registry gave. */
  request(method: string, path: string, request: RegistryRequest): Promise<Response>;
  /** GET of a JSON document. */
  read(path: string, request: Pick<RegistryRequest, 'signal' | 'headers'>): Promise<RegistryAnswer | undefined>;
}

/** What is done with a key takes many requests: each is tried again by itself, or the whole would hardly ever succeed on a bad day. */
const requestPatience: Patience = { tries: 3, firstPauseMs: 100, longestPauseMs: 1_000 };

export interface ConnectionSettings {
  readonly repository: string;
  /** HTTP instead of HTTPS. */
  readonly insecure: boolean;
  /** Repositories of the same registry, without its name, that blobs may be taken over from. */
  readonly alsoPull?: readonly string[];
  /** How long an answer may take to begin; what is sent counts by its size on top. As long as it takes unless given. */
  readonly answerMs?: number;
  readonly patience?: Patience;
}

/** Slower than this is as good as gone. */
const slowestBytesPerMs = 20;

export function connectTo({ repository, insecure, alsoPull, answerMs, patience = requestPatience }: ConnectionSettings): Connection {
  const [host = '', ...rest] = repository.split('/');
  const server = host === 'docker.io' ? 'registry-1.docker.io' : host;
  const base = `${insecure ? 'http' : 'https'}://${server}/v2/${rest.join('/')}`;
  const auth = authorizer(host, rest.join('/'), alsoPull);
  const clock = serverClock();
  const once = async (method: string, path: string, given: RegistryRequest): Promise<Response> => {
    const url = path.startsWith('/') ? `${base}${path}` : path;
    const isOurs = new URL(url).host === new URL(base).host;
    const send = (authorization: string | undefined): Promise<Response> => {
      const headers = { ...given.headers, ...(authorization === undefined ? {} : { authorization }) };
      const request = { method, headers, ...(given.body ? { body: new Uint8Array(given.body) } : {}) };
      const timeMs = answerMs === undefined ? undefined : answerMs + (given.body?.length ?? 0) / slowestBytesPerMs;
      return sendOnce(url, request, given.signal, timeMs);
    };
    let answer: Response;
    // A token may have run out, and the next one as well by the time that many others have used it.
    for (let tries = 1; ; tries++) {
      const sent = isOurs ? auth.header() : undefined;
      answer = await send(sent);
      const challenge = answer.headers.get('www-authenticate');
      if (answer.status !== 401 || !isOurs || challenge === null || tries === 4 || !(await auth.satisfy(challenge, sent, given.signal)))
        break;
      await answer.body?.cancel();
    }
    clock.heard(answer.headers.get('date'));
    if (given.accept.includes(answer.status)) return answer;
    throw await troubleOf(answer, method, url);
  };
  return {
    clock,
    patience,
    shown: () => auth.shown(),
    request: (method, path, given) =>
      given.isOnce ? once(method, path, given) : withTries(() => once(method, path, given), patience, given.signal),
    read: (path, given) =>
      withTries(async () => documentIn(await once('GET', path, { ...given, accept: [200, 404] })), patience, given.signal),
  };
}

async function documentIn(answer: Response): Promise<RegistryAnswer | undefined> {
  const text = await answer.text().catch((error: unknown) => {
    throw new RemoteError('unreachable', 'the connection broke in the middle of an answer', { cause: error });
  });
  if (answer.status === 404) return undefined;
  try {
    return { url: answer.url, link: answer.headers.get('link'), body: JSON.parse(text) };
  } catch (error) {
    throw new RemoteError('wrong', `${new URL(answer.url).pathname} is no JSON`, { cause: error });
  }
}

/** The time is for the answer to begin: what is read of it afterwards takes as long as it takes. */
async function sendOnce(url: string, request: RequestInit, signal: AbortSignal, timeMs: number | undefined): Promise<Response> {
  const late = new AbortController();
  const timer = timeMs === undefined ? undefined : setTimeout(() => late.abort(), timeMs);
  try {
    return await fetch(url, { ...request, signal: AbortSignal.any([signal, late.signal]) });
  } catch (error) {
    if (late.signal.aborted)
      throw new RemoteError('unreachable', `no answer within ${Math.round((timeMs ?? 0) / 1_000)} s`, { cause: error });
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown };
    const text = message === undefined || message === '' ? String(code ?? cause) : String(message);
    throw new RemoteError('unreachable', text, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function troubleOf(answer: Response, method: string, url: string): Promise<RegistryError> {
  const text = (await answer.text().catch(() => '')).slice(0, 2_000);
  const said = /"message":\s*"([^"]+)"/.exec(text)?.[1]?.slice(0, 300);
  const message = `${method} ${new URL(url).pathname}: HTTP ${answer.status}${said === undefined ? '' : `, ${said}`}`;
  const given = { status: answer.status, codes: [...text.matchAll(/"code":\s*"([A-Z_]+)"/g)].map(([, code = '']) => code) };
  if (answer.status === 401 || answer.status === 403) return new RegistryError('denied', message, given);
  if (answer.status === 429 || answer.status >= 500) {
    const seconds = Number(answer.headers.get('retry-after'));
    return new RegistryError(
      'busy',
      message,
      Number.isFinite(seconds) && seconds > 0 ? { ...given, retryAfterMs: seconds * 1_000 } : given,
    );
  }
  // An upload that got into disorder, by a lost answer or by another who sends the same: it is begun anew.
  const isUpload = url.includes('/blobs/uploads/') && [400, 404, 416].includes(answer.status);
  return new RegistryError(isUpload ? 'busy' : 'wrong', message, given);
}
