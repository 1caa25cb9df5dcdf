import { RemoteError } from '../spec/remote.ts';
import { type Credentials, credentialsFor } from './credentials.ts';

/** What we show a registry so that it lets us in. */
export interface Authorizer {
  /** The header of the next request; undefined as long as none was asked for. */
  header(): string | undefined;
  /** Does what the registry asks after a request with the header `sent`. False when there is nothing else to show it. */
  satisfy(challenge: string, sent: string | undefined, signal: AbortSignal): Promise<boolean>;
  /** What was shown so far, in words without a secret; undefined as long as nothing was asked for. */
  shown(): string | undefined;
}

/** `alsoPull`: repositories of the same registry that blobs may be taken over from. */
export function authorizer(host: string, repository: string, alsoPull: readonly string[] = []): Authorizer {
  let header: string | undefined;
  let shown: string | undefined;
  let asking: Promise<string | undefined> | undefined;
  return {
    header: () => header,
    shown: () => shown,
    async satisfy(challenge, sent, signal) {
      // Of many requests at once one asks; the others find what it got.
      if (header === sent) {
        asking ??= askFor(challenge, signal).finally(() => {
          asking = undefined;
        });
        header = (await asking) ?? header;
      }
      return header !== sent;
    },
  };

  async function askFor(challenge: string, signal: AbortSignal): Promise<string | undefined> {
    const { credentials, from } = await credentialsFor(host);
    shown = from;
    const basic = credentials && `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
    if (/^basic/i.test(challenge)) return basic;
    const field = (name: string): string | undefined => new RegExp(`${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
    const realm = field('realm');
    if (realm === undefined) return undefined;
    const own = `repository:${repository}:pull,push`;
    const others = alsoPull.map((each) => `repository:${each}:pull`);
    const said = field('scope');
    // Who may not push gets a token for what they may.
    for (const scopes of [...(others.length > 0 ? [[own, ...others]] : []), [own], ...(said === undefined ? [] : [[said]])]) {
      const token = await tokenFrom(realm, { service: field('service'), scopes }, credentials, basic, signal);
      if (token !== undefined) return `Bearer ${token}`;
    }
    return undefined;
  }
}

async function tokenFrom(
  realm: string,
  { service, scopes }: { readonly service: string | undefined; readonly scopes: readonly string[] },
  credentials: Credentials | undefined,
  basic: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const form = new URLSearchParams(service === undefined ? {} : { service });
  for (const scope of credentials?.identityToken === undefined ? scopes : [scopes.join(' ')]) form.append('scope', scope);
  const answer = await askToken(realm, form, credentials, basic, signal);
  if (answer.status === 401 || answer.status === 403) return undefined;
  if (!answer.ok)
    throw new RemoteError(
      answer.status === 429 || answer.status >= 500 ? 'busy' : 'wrong',
      `${new URL(realm).host} gives no token (HTTP ${answer.status})`,
    );
  const { token, access_token } = (await answer.json()) as { readonly token?: string; readonly access_token?: string };
  return token ?? access_token;
}

async function askToken(
  realm: string,
  form: URLSearchParams,
  credentials: Credentials | undefined,
  basic: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  try {
    if (credentials?.identityToken === undefined)
      return await fetch(`${realm}${realm.includes('?') ? '&' : '?'}${form}`, { signal, headers: basic ? { authorization: basic } : {} });
    for (const [name, value] of [
      ['grant_type', 'refresh_token'],
      ['refresh_token', credentials.identityToken],
      ['client_id', 'modelflow'],
    ] as const)
      form.set(name, value);
    return await fetch(realm, { method: 'POST', body: form, signal });
  } catch (error) {
    throw new RemoteError('unreachable', `${new URL(realm).host}, which gives the tokens, does not answer`, { cause: error });
  }
}
