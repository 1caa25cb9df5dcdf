import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** A token that is traded for others, instead of a password. */
  readonly identityToken?: string;
}

/** Who we are to a registry, and where that was looked up, for people. */
export interface FoundCredentials {
  readonly credentials: Credentials | undefined;
  readonly from: string;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/** As Docker does: a helper for this registry, the helper for all, the file itself; nothing means anonymous. */
export async function credentialsFor(host: string): Promise<FoundCredentials> {
  const path = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  const config = dockerConfig(path);
  const keys =
    host === 'docker.io' ? ['https://index.docker.io/v1/'] : [host, `https://${host}`, `https://${host}/v1/`, `https://${host}/v2/`];
  const helper = config.credHelpers?.[host] ?? config.credsStore;
  for (const key of keys) {
    const found = helper === undefined ? undefined : await askHelper(helper, key);
    if (found) return { credentials: found, from: `the credentials that docker-credential-${helper} has for ${key}` };
    const { auth, identitytoken } = config.auths?.[key] ?? {};
    const [user = '', ...password] = Buffer.from(auth ?? '', 'base64')
      .toString('utf8')
      .split(':');
    const from = `the login of ${user || key} in ${path}`;
    if (identitytoken) return { credentials: { user, password: '', identityToken: identitytoken }, from };
    if (auth) return { credentials: { user, password: password.join(':') }, from };
  }
  const asked = helper === undefined ? '' : ` and docker-credential-${helper}`;
  return { credentials: undefined, from: `no credentials: ${path}${asked} ${asked ? 'have' : 'has'} none for ${host}` };
}

function dockerConfig(path: string): DockerConfig {
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
