import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { failure } from '../../core/index.ts';

/** The files that prove who is who over TLS. */
export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** How an engine is named; nothing: as the `docker` command would find it. */
export interface EngineChoice {
  /** unix:///run/docker.sock, ssh://user@machine, tcp://machine:2376 */
  readonly host?: string | undefined;
  readonly tls?: TlsFiles | undefined;
}

/** Where an engine is, with what is needed to talk to it. */
export interface Endpoint {
  readonly url: string;
  /** Who named it, for messages. */
  readonly from: string;
  readonly via:
    | { readonly by: 'socket'; readonly path: string }
    | { readonly by: 'ssh'; readonly destination: string; readonly port: string | undefined; readonly socket: string | undefined }
    | { readonly by: 'tcp'; readonly hostname: string; readonly port: number; readonly tls: Certificates | undefined };
}

interface Certificates {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

interface Named {
  readonly url: string;
  readonly from: string;
  readonly tls?: TlsFiles | undefined;
}

/** The engine that was chosen, else that of DOCKER_HOST, of the current context, or the socket of this machine. */
export async function endpointOf(choice: EngineChoice, environment: NodeJS.ProcessEnv): Promise<Endpoint> {
  const named = await nameOf(choice, environment);
  return { url: named.url, from: named.from, via: await viaOf(named) };
}

async function nameOf({ host, tls }: EngineChoice, environment: NodeJS.ProcessEnv): Promise<Named> {
  if (host !== undefined) return { url: host, from: 'the setting `engine`', tls };
  const folder = environment['DOCKER_CERT_PATH'];
  const given = environment['DOCKER_HOST'];
  const verified = environment['DOCKER_TLS_VERIFY'] ? filesIn(folder ?? configFolder(environment)) : undefined;
  if (given) return { url: given, from: 'DOCKER_HOST', tls: tls ?? verified };
  const context = environment['DOCKER_CONTEXT'] || (await currentContext(environment));
  if (context && context !== 'default') return contextNamed(context, environment);
  return { url: `unix://${localSocket(environment)}`, from: 'the default' };
}

function localSocket(environment: NodeJS.ProcessEnv): string {
  const runtime = environment['XDG_RUNTIME_DIR'];
  const rootless = [...(runtime ? [join(runtime, 'docker.sock')] : []), join(homedir(), '.docker', 'run', 'docker.sock')];
  const usual = '/var/run/docker.sock';
  return existsSync(usual) ? usual : (rootless.find((path) => existsSync(path)) ?? usual);
}

function configFolder(environment: NodeJS.ProcessEnv): string {
  return environment['DOCKER_CONFIG'] || join(homedir(), '.docker');
}

async function currentContext(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const text = await readFile(join(configFolder(environment), 'config.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { currentContext: name } = JSON.parse(text) as { readonly currentContext?: unknown };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Docker keeps a context below the hash of its name. */
async function contextNamed(name: string, environment: NodeJS.ProcessEnv): Promise<Named> {
  const contexts = join(configFolder(environment), 'contexts');
  const hash = createHash('sha256').update(name).digest('hex');
  const text = await readFile(join(contexts, 'meta', hash, 'meta.json'), 'utf8').catch(() => undefined);
  const meta = text === undefined ? undefined : (JSON.parse(text) as { Endpoints?: { docker?: { Host?: string } } });
  const url = meta?.Endpoints?.docker?.Host;
  if (!url)
    throw failure('MF5202', `there is no Docker context \`${name}\` in ${contexts}`, {
      hint: 'See `docker context ls`; unset DOCKER_CONTEXT, or give the target an `engine`.',
    });
  const folder = join(contexts, 'tls', hash, 'docker');
  return { url, from: `the Docker context \`${name}\``, tls: existsSync(folder) ? filesIn(folder) : undefined };
}

function filesIn(folder: string): TlsFiles {
  const known = (name: string) => (existsSync(join(folder, name)) ? join(folder, name) : undefined);
  return { ca: known('ca.pem'), cert: known('cert.pem'), key: known('key.pem') };
}

async function viaOf({ url, from, tls }: Named): Promise<Endpoint['via']> {
  const socket = /^(?:unix|npipe):\/\/(.*)$/.exec(url)?.[1];
  if (socket) return { by: 'socket', path: socket };
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'ssh:' && parsed.hostname !== '') {
    const destination = `${parsed.username ? `${decodeURIComponent(parsed.username)}@` : ''}${parsed.hostname}`;
    const path = parsed.pathname.length > 1 ? parsed.pathname : undefined;
    return { by: 'ssh', destination, port: parsed.port || undefined, socket: path };
  }
  if (parsed !== undefined && /^(tcp|https?):$/.test(parsed.protocol)) {
    const isSecure = tls !== undefined || parsed.protocol === 'https:' || parsed.port === '2376';
    const port = Number(parsed.port || (isSecure ? 2376 : 2375));
    return { by: 'tcp', hostname: parsed.hostname, port, tls: isSecure ? await read(tls ?? {}, from) : undefined };
  }
  throw failure('MF5202', `${from} names the Docker engine as ${JSON.stringify(url)}, which is no address of one`, {
    hint: 'Such as unix:///var/run/docker.sock, ssh://user@machine or tcp://machine:2376.',
  });
}

async function read({ ca, cert, key }: TlsFiles, from: string): Promise<Certificates> {
  const text = async (path: string | undefined): Promise<string | undefined> => {
    if (path === undefined) return undefined;
    return readFile(path, 'utf8').catch((error: Error) => {
      throw failure('MF5202', `${from} needs the certificate ${path}: ${error.message}`, { hint: 'Name files that this user can read.' });
    });
  };
  return { ca: await text(ca), cert: await text(cert), key: await text(key) };
}
