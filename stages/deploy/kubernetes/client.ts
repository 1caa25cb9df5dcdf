import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { failure } from '../../../core/index.ts';
import { ApiRefusal, brokenCredentials, isPassing, notReached, refusalOf } from './refusals.ts';

const answerTimeoutMs = 15_000;
const silenceTimeoutMs = 60 * 60_000;
const longestPauseMs = 4_000;

export interface ClusterChoice {
  /** A kubeconfig file; otherwise KUBECONFIG, ~/.kube/config, or the service account of the pod this runs in. */
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
  readonly signal: AbortSignal;
  /** How long a cluster that does not answer is asked again. */
  readonly patienceMs: number;
}

export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Asked once, whatever comes of it. */
  readonly isOnce?: boolean;
}

/** A connection to one API server, as one user. Every call has an end: an answer, a refusal, or `MF5265` when patience has run out. */
export interface Cluster {
  readonly context: string;
  readonly server: string;
  readonly namespace: string;
  /** The JSON, or the text, of an answer of 2xx; anything else is thrown as an `ApiRefusal`. */
  ask(call: ApiCall): Promise<unknown>;
  /** The lines of an answer that goes on until the server, or `signal`, ends it. */
  lines(call: ApiCall, signal: AbortSignal): AsyncIterable<string>;
}

/** Reads the credentials; nothing is asked of the server yet. */
export async function openCluster(choice: ClusterChoice): Promise<Cluster> {
  const config = await configOf(choice);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw noCluster('has no current context that names a cluster', choice);
  const context = config.getCurrentContext();
  const namespace = choice.namespace ?? config.getContextObject(context)?.namespace ?? 'default';
  const send = (call: ApiCall, signal: AbortSignal, timeoutMs: number): Promise<IncomingMessage> =>
    sendOnce(config, server, call, signal, timeoutMs);
  const ask = async (call: ApiCall): Promise<unknown> => {
    const answer = await send(call, choice.signal, call.timeoutMs ?? answerTimeoutMs);
    return parsed(await textOf(answer), answer);
  };
  return {
    context,
    server,
    namespace,
    ask: (call) => (call.isOnce ? ask(call) : patiently(() => ask(call), server, choice)),
    async *lines(call, signal) {
      const answer = await send(call, signal, silenceTimeoutMs);
      if ((answer.statusCode ?? 0) >= 300) throw refusalOf(answer.statusCode ?? 0, await textOf(answer));
      yield* linesOf(answer);
    },
  };
}

/** Every call may be made twice: what is sent is wanted state, or the deletion of one very object. */
async function patiently<T>(act: () => Promise<T>, server: string, { signal, patienceMs }: ClusterChoice): Promise<T> {
  const until = Date.now() + patienceMs;
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error)) throw error;
      if (Date.now() + pauseMs > until) throw error instanceof ApiRefusal ? error : notReached(server, error, patienceMs);
    }
    await pause(pauseMs, undefined, { signal });
  }
}

async function configOf(choice: ClusterChoice): Promise<KubeConfig> {
  const { KubeConfig: Config } = await import('@kubernetes/client-node');
  const config = new Config();
  const file = choice.kubeconfig;
  try {
    // Read here as well: the reason why a file cannot be read is told as it is.
    if (file !== undefined) await readFile(file);
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (cause) {
    throw noCluster(`could not be read: ${firstLine(cause)}`, choice, cause);
  }
  // What the library makes up where it found nothing at all.
  if (
    file === undefined &&
    config.getCurrentCluster()?.server === 'http://localhost:8080' &&
    config.getCurrentContext() === 'loaded-context'
  )
    throw noCluster('was not found: KUBECONFIG is not set, there is no ~/.kube/config, and this runs in no pod', choice);
  if (choice.context === undefined) return config;
  const names = config.getContexts().map(({ name }) => name);
  if (!names.includes(choice.context))
    throw noCluster(`has no context \`${choice.context}\`; it has ${names.join(', ') || 'none'}`, choice);
  config.setCurrentContext(choice.context);
  return config;
}

/** The lines that follow of a mistake in YAML show what stands around it: credentials, in such a file. */
function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';
}

function noCluster(why: string, { kubeconfig }: ClusterChoice, cause?: unknown): Error {
  const named = kubeconfig ?? process.env['KUBECONFIG'];
  return failure('MF5266', `the kubeconfig ${named ? `${named} ` : ''}${why}`, {
    hint: 'Give the target `kubeconfig` and `context`, or set KUBECONFIG; `kubectl config get-contexts` shows what there is.',
    cause,
  });
}

async function sendOnce(
  config: KubeConfig,
  server: string,
  call: ApiCall,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<IncomingMessage> {
  const url = new URL(server.replace(/\/+$/, '') + call.path);
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value));
  const body = bodyOf(call.body);
  const options: RequestOptions = { method: call.method ?? 'GET', signal, headers: { accept: 'application/json', ...call.headers } };
  if (body !== undefined)
    options.headers = {
      ...(options.headers as object),
      'content-type': call.contentType ?? 'application/json',
      'content-length': Buffer.byteLength(body),
    };
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    throw brokenCredentials(config.getCurrentUser()?.name ?? '', cause);
  }
  return new Promise((resolve, reject) => {
    const sent = (url.protocol === 'http:' ? httpRequest : httpsRequest)(url, options, resolve);
    sent.setTimeout(timeoutMs, () => sent.destroy(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })));
    sent.on('error', reject);
    sent.end(body);
  });
}

function bodyOf(body: unknown): string | undefined {
  return body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
}

async function textOf(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8');
  let text = '';
  for await (const piece of answer) text += piece;
  return text;
}

/** Unlike readline, it fails when the connection does, and so ends. */
async function* linesOf(answer: IncomingMessage): AsyncIterable<string> {
  answer.setEncoding('utf8');
  let rest = '';
  for await (const piece of answer as AsyncIterable<string>) {
    const lines = `${rest}${piece}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function parsed(text: string, { statusCode = 0, headers }: IncomingMessage): unknown {
  if (statusCode >= 300) throw refusalOf(statusCode, text);
  return headers['content-type']?.includes('json') ? JSON.parse(text) : text;
}
