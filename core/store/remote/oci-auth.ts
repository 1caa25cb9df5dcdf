import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { RemoteError } from '../../spec/remote.ts';

/** What we show a registry so that it lets us in. */
export interface Authorizer {
  /** The header of the next request; undefined as long as none was asked for. */
  header(): string | undefined;
  /** Does what the registry asks. False when there is nothing to show it. */
  satisfy(challenge: string, signal: AbortSignal): Promise<boolean>;
}

interface Credentials {
  readonly user: string;
  readonly password: string;
  /** A token that is traded for others, instead of a password. */
  readonly identityToken?: string;
}

export function authorizer(host: string, repository: string): Authorizer {
  let header: string | undefined;
  return {
    header: () => header,
    async satisfy(challenge, signal) {
      const credentials = await credentialsFor(host);
      const basic = credentials && `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
      if (/^basic/i.test(challenge)) {
        if (basic === undefined || header === basic) return false;
        header = basic;
        return true;
      }
      const field = (name: string): string | undefined => new RegExp(`${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
      const realm = field('realm');
      if (realm === undefined) return false;
      const scope = `repository:${repository}:pull,push`;
      // Who may not push gets a token for what they may.
      for (const wanted of [scope, field('scope')]) {
        const token =
          wanted === undefined
            ? undefined
            : await tokenFrom(realm, { service: field('service'), scope: wanted }, credentials, basic, signal);
        if (token === undefined) continue;
        header = `Bearer ${token}`;
        return true;
      }
      return false;
    },
  };
}

async function tokenFrom(
  realm: string,
  { service, scope }: { readonly service: string | undefined; readonly scope: string },
  credentials: Credentials | undefined,
  basic: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const form = new URLSearchParams({ scope, ...(service === undefined ? {} : { service }) });
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

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/** As Docker does: a helper for this registry, the helper for all, the file itself; nothing means anonymous. */
async function credentialsFor(host: string): Promise<Credentials | undefined> {
  const config = dockerConfig();
  const keys =
    host === 'docker.io' ? ['https://index.docker.io/v1/'] : [host, `https://${host}`, `https://${host}/v1/`, `https://${host}/v2/`];
  const helper = config.credHelpers?.[host] ?? config.credsStore;
  for (const key of keys) {
    const found = helper === undefined ? undefined : await askHelper(helper, key);
    if (found) return found;
    const { auth, identitytoken } = config.auths?.[key] ?? {};
    const [user = '', ...password] = Buffer.from(auth ?? '', 'base64')
      .toString('utf8')
      .split(':');
    if (identitytoken) return { user, password: '', identityToken: identitytoken };
    if (auth) return { user, password: password.join(':') };
  }
  return undefined;
}

function dockerConfig(): DockerConfig {
  const path = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DockerConfig;
  } catch {
    // Nobody has logged in here.
    return {};
  }
}

function askHelper(helper: string, server: string): Promise<Credentials | undefined> {
  return new Promise((resolve) => {
    const child = spawn(`docker-credential-${helper}`, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], timeout: 10_000 });
    let text = '';
    // Not installed, or it knows nothing of this registry: anonymous, and the registry says what it thinks of that.
    child.on('error', () => resolve(undefined));
    child.stdin.on('error', () => undefined);
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    child.on('close', (code) => resolve(code === 0 ? helperAnswer(text) : undefined));
    child.stdin.end(server);
  });
}

function helperAnswer(text: string): Credentials | undefined {
  try {
    const { Username, Secret } = JSON.parse(text) as { readonly Username?: string; readonly Secret?: string };
    if (!Secret) return undefined;
    return Username === '<token>' ? { user: '', password: '', identityToken: Secret } : { user: Username ?? '', password: Secret };
  } catch {
    // Not what a helper says.
    return undefined;
  }
}
