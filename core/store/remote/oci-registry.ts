import { RemoteError } from '../../spec/remote.ts';
import { authorizer } from './oci-auth.ts';
import { type ServerClock, serverClock } from './server-clock.ts';

export interface RegistryRequest {
  readonly signal: AbortSignal;
  /** Answers with another status are thrown as `RemoteError`. */
  readonly accept: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** One repository of a registry, spoken to as its distribution specification says. */
export interface Registry {
  readonly clock: ServerClock;
  /** `path` below `/v2/<repository>`, or a whole address that the registry gave. */
  request(method: string, path: string, request: RegistryRequest): Promise<Response>;
}

export function registryOf({ repository, insecure }: { readonly repository: string; readonly insecure: boolean }): Registry {
  const [host = '', ...rest] = repository.split('/');
  const server = host === 'docker.io' ? 'registry-1.docker.io' : host;
  const base = `${insecure ? 'http' : 'https'}://${server}/v2/${rest.join('/')}`;
  const auth = authorizer(host, rest.join('/'));
  const clock = serverClock();
  return {
    clock,
    async request(method, path, given) {
      const url = path.startsWith('/') ? `${base}${path}` : path;
      const isOurs = new URL(url).host === new URL(base).host;
      const send = async (): Promise<Response> => {
        const authorization = isOurs ? auth.header() : undefined;
        const headers = { ...given.headers, ...(authorization === undefined ? {} : { authorization }) };
        return sendOnce(url, { method, headers, signal: given.signal, ...(given.body ? { body: new Uint8Array(given.body) } : {}) });
      };
      let answer = await send();
      const challenge = answer.headers.get('www-authenticate');
      if (answer.status === 401 && isOurs && challenge !== null) {
        await answer.body?.cancel();
        if (await auth.satisfy(challenge, given.signal)) answer = await send();
      }
      clock.heard(answer.headers.get('date'));
      if (given.accept.includes(answer.status)) return answer;
      throw await troubleOf(answer, method, url);
    },
  };
}

async function sendOnce(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown };
    const text = message === undefined || message === '' ? String(code ?? cause) : String(message);
    throw new RemoteError('unreachable', text, { cause: error });
  }
}

async function troubleOf(answer: Response, method: string, url: string): Promise<RemoteError> {
  const text = (await answer.text().catch(() => '')).slice(0, 300);
  const said = /"message":\s*"([^"]+)"/.exec(text)?.[1];
  const message = `${method} ${new URL(url).pathname}: HTTP ${answer.status}${said === undefined ? '' : `, ${said}`}`;
  if (answer.status === 401 || answer.status === 403) return new RemoteError('denied', message);
  if (answer.status === 429 || answer.status >= 500) {
    const seconds = Number(answer.headers.get('retry-after'));
    return new RemoteError('busy', message, Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {});
  }
  return new RemoteError('wrong', message);
}
