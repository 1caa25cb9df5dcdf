import type Docker from 'dockerode';
import { failure, ModelflowError } from '../../core/index.ts';
import { type Endpoint, type EngineChoice, endpointOf } from './docker-endpoint.ts';
import { connectionsOverSsh, type SshConnections } from './docker-ssh.ts';

export type DockerApi = Docker;
export type Container = Docker.Container;
export type ContainerSummary = Docker.ContainerInfo;
export type ContainerRequest = Docker.ContainerCreateOptions;

/** A Docker engine that has answered. */
export interface Engine {
  readonly api: DockerApi;
  readonly endpoint: Endpoint;
  readonly version: string;
  readonly apiVersion: string;
  /** linux/amd64: what it runs. */
  readonly platform: string;
  /** What a call failed with, as a diagnostic; `doing` completes "could not". What has nothing to do with the engine comes back as it is. */
  explain(error: unknown, doing: string): Promise<Error>;
  /** Ends the connections that are kept open. */
  close(): void;
}

/** The first that is spoken to: Docker 20.10. */
const oldestApi = '1.41';
const answerWithinMs = 20_000;

/** Finds the engine and asks what it is. MF5002 when it does not answer, MF5200 when it will not have us. */
export async function connectDocker(choice: EngineChoice, signal: AbortSignal): Promise<Engine> {
  const endpoint = await endpointOf(choice, process.env);
  const ssh = endpoint.via.by === 'ssh' ? connectionsOverSsh(endpoint.via) : undefined;
  const { default: Client } = await import('dockerode');
  const api = new Client(optionsFor(endpoint, ssh));
  const explain = (error: unknown, doing: string) => explained(error, doing, endpoint, ssh);
  const close = () => ssh?.agent.destroy();
  try {
    const { Version, ApiVersion, Os, Arch } = await answerOf(api, signal);
    if (isOlder(ApiVersion, oldestApi))
      throw failure('MF5201', `the Docker engine at ${endpoint.url} is ${Version} with API ${ApiVersion}; ${oldestApi} is needed`, {
        hint: 'Install Docker 20.10 or newer there.',
      });
    return { api, endpoint, version: Version, apiVersion: ApiVersion, platform: `${Os}/${Arch}`, explain, close };
  } catch (error) {
    close();
    if (signal.aborted) throw signal.reason;
    throw await explain(error, 'be asked what it is');
  }
}

async function answerOf(api: DockerApi, signal: AbortSignal): Promise<Docker.DockerVersion> {
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]);
  // The types do not know it, the client does.
  return (api as unknown as { version(given: object): Promise<Docker.DockerVersion> }).version({ abortSignal });
}

/** Every place the client would look in by itself is answered here: DOCKER_HOST has been read. */
function optionsFor({ via }: Endpoint, ssh: SshConnections | undefined): Docker.DockerOptions {
  const none = { host: undefined, port: undefined, socketPath: undefined, ca: undefined, cert: undefined, key: undefined };
  const options = (): object => {
    if (via.by === 'socket') return { ...none, socketPath: via.path, protocol: 'http' };
    if (via.by === 'ssh') return { ...none, host: 'docker', port: 80, protocol: 'http', agent: ssh?.agent };
    return { ...none, host: via.hostname, port: via.port, protocol: via.tls ? 'https' : 'http', ...via.tls };
  };
  return options() as Docker.DockerOptions;
}

interface Refusal extends NodeJS.ErrnoException {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string };
}

async function explained(error: unknown, doing: string, endpoint: Endpoint, ssh: SshConnections | undefined): Promise<Error> {
  if (error instanceof ModelflowError) return error;
  const refusal = (error instanceof Error ? error : new Error(String(error))) as Refusal;
  // A file of this machine, or a mistake of ours: no word about the engine.
  if (refusal.statusCode === undefined && !isOfConnection(refusal)) return refusal;
  const where = `${endpoint.url} (${endpoint.from})`;
  if (refusal.statusCode !== undefined) return refused(refusal, doing, where);
  if (refusal.code === 'EACCES' || refusal.code === 'EPERM')
    return failure('MF5200', `this user may not use the Docker engine at ${where}`, {
      hint: 'Join the group `docker`, or run a rootless engine; then log in again.',
      cause: error,
    });
  if (/certificate|self.signed|SSL|TLS/i.test(`${refusal.code} ${refusal.message}`))
    return failure('MF5200', `no trust between this machine and the Docker engine at ${where}: ${refusal.message}`, {
      hint: 'Check `ca`, `cert` and `key`: the engine and this machine each want to see who the other is.',
      cause: error,
    });
  return failure('MF5002', `the Docker engine at ${where} does not answer: ${(await ssh?.problem()) ?? wordsFor(refusal)}`, {
    hint: hintFor(endpoint),
    cause: error,
  });
}

function refused(refusal: Refusal, doing: string, where: string): ModelflowError {
  const said = (refusal.json?.message ?? refusal.message).trim();
  if (/no space left on device/i.test(said))
    return failure('MF5208', `the Docker engine at ${where} could not ${doing}: ${said}`, {
      hint: 'Make room there: `docker system df` and `docker system prune` help.',
      cause: refusal,
    });
  return failure('MF5203', `the Docker engine at ${where} could not ${doing}: ${said}`, {
    hint:
      refusal.statusCode === 500 ? 'The log of the engine says more, if that is not enough.' : 'Change what it objects to, and run again.',
    cause: refusal,
  });
}

function isOfConnection({ code, name, syscall, message }: Refusal): boolean {
  if (name === 'TimeoutError' || code === 'ABORT_ERR' || /socket|parse error|certificate|SSL|TLS/i.test(`${code} ${message}`)) return true;
  return (
    code !== undefined && (syscall === undefined ? /^E[A-Z_]+$/.test(code) : /^(connect|read|write|getaddrinfo|spawn\b)/.test(syscall))
  );
}

function wordsFor({ code, message, name }: Refusal): string {
  if (name === 'TimeoutError' || code === 'ABORT_ERR') return `no answer in ${answerWithinMs / 1000} s`;
  if (code === 'ENOENT') return 'there is no such socket';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND') return 'no machine of that name is known';
  return message;
}

function hintFor({ via }: Endpoint): string {
  if (via.by === 'ssh') return `Try \`ssh ${via.destination} docker version\`: it has to work without a question.`;
  if (via.by === 'tcp') return `Is the engine up, and may this machine reach ${via.hostname}:${via.port}?`;
  return 'Start Docker, or name another engine: the setting `engine`, DOCKER_HOST, or `docker context use`.';
}

function isOlder(version: string, than: string): boolean {
  const [[major = 0, minor = 0], [majorThan = 0, minorThan = 0]] = [version, than].map((each) => each.split('.').map(Number)) as [
    number[],
    number[],
  ];
  return major < majorThan || (major === majorThan && minor < minorThan);
}
