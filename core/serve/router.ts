import type { Handler } from './exchange.ts';
import { json } from './exchange.ts';
import type { Protocol } from './metrics.ts';
import { infer, modelMetadata } from './open-inference.ts';
import { predict } from './predict.ts';
import { RequestError } from './request-error.ts';
import type { ServedModel } from './served-model.ts';
import { modelStatus, signatureMetadata, tensorPredict } from './tf-serving.ts';

/** What answers a path. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly protocol: Protocol;
  /** An inference is timed and has a deadline; a probe (health, metrics) is not counted at all. */
  readonly kind: 'inference' | 'metadata' | 'probe';
  readonly handler: Handler;
}

/** What a route needs beside the model. */
export interface ServerState {
  readonly serverName: string;
  readonly serverVersion: string;
  isDraining(): boolean;
  metricsText(): Promise<{ readonly body: string; readonly contentType: string }>;
}

/** Finds what answers a path. Throws a 404 that says what there is. */
export function findRoute(path: string, model: ServedModel, state: ServerState): Route {
  const segments = decode(path);
  const [first, ...rest] = segments;
  if (segments.length === 0) return get('other', 'metadata', () => index(model, state));
  if (first === 'predict' && rest.length === 0) return { method: 'POST', protocol: 'predict', kind: 'inference', handler: predict };
  if (first === 'metrics' && rest.length === 0) return get('other', 'probe', () => metrics(state));
  const found = first === 'v2' ? openInference(rest, model, state) : first === 'v1' ? tfServing(rest, model) : undefined;
  if (found !== undefined) return found;
  throw new RequestError(404, `nothing is served at ${path}; GET / lists the endpoints`);
}

function openInference(path: readonly string[], model: ServedModel, state: ServerState): Route | undefined {
  const [first, second, ...rest] = path;
  if (first === undefined) return get('open-inference', 'metadata', () => serverMetadata(state));
  if (first === 'health' && rest.length === 0) {
    if (second === 'live') return get('open-inference', 'probe', () => json({ live: true }));
    if (second === 'ready') return get('open-inference', 'probe', () => readiness(model, state));
  }
  if (first !== 'models' || second === undefined) return undefined;
  const action = rest[0] === 'versions' ? rest.slice(2) : rest;
  const version = rest[0] === 'versions' ? (rest[1] ?? '') : undefined;
  if (action.length > 1) return undefined;
  requireModel(model, second, version);
  switch (action[0]) {
    case undefined:
      return get('open-inference', 'metadata', modelMetadata);
    case 'ready':
      return get('open-inference', 'probe', () => modelReadiness(model, state));
    case 'infer':
      return { method: 'POST', protocol: 'open-inference', kind: 'inference', handler: infer };
    default:
      return undefined;
  }
}

/** `models/NAME[/versions/V][/metadata]`, and a last segment that ends in `:predict`. */
function tfServing(path: readonly string[], model: ServedModel): Route | undefined {
  const last = path.at(-1) ?? '';
  const colon = last.lastIndexOf(':');
  const verb = colon < 0 ? undefined : last.slice(colon + 1);
  const [models, name, ...rest] = colon < 0 ? path : [...path.slice(0, -1), last.slice(0, colon)];
  if (models !== 'models' || name === undefined) return undefined;
  const version = rest[0] === 'versions' ? (rest[1] ?? '') : undefined;
  const tail = version === undefined ? rest : rest.slice(2);
  if (tail.length > 1) return undefined;
  if (name !== model.name || (version ?? model.version) !== model.version) {
    const wanted = version === undefined ? `Latest(${name})` : `Specific(${name}, ${version})`;
    throw new RequestError(404, `Servable not found for request: ${wanted}`);
  }
  if (verb === 'predict' && tail.length === 0) {
    return { method: 'POST', protocol: 'tf-serving', kind: 'inference', handler: tensorPredict };
  }
  if (verb === 'classify' || verb === 'regress') throw new RequestError(501, `${verb} is not supported; use predict`);
  if (verb !== undefined) return undefined;
  if (tail.length === 0) return get('tf-serving', 'metadata', modelStatus);
  return tail[0] === 'metadata' ? get('tf-serving', 'metadata', signatureMetadata) : undefined;
}

function get(protocol: Protocol, kind: Route['kind'], handler: Handler): Route {
  return { method: 'GET', protocol, kind, handler };
}

/** Official clients look for the first words. */
function requireModel(model: ServedModel, name: string, version: string | undefined): void {
  if (name !== model.name) throw new RequestError(404, `Request for unknown model: '${name}' is not found; '${model.name}' is served`);
  if (version !== undefined && version !== model.version) {
    throw new RequestError(404, `Request for unknown model: '${name}' version ${version} is not found; version ${model.version} is served`);
  }
}

/** The segments of a path, percent-decoded; slashes at the end do not count. */
function decode(path: string): readonly string[] {
  const trimmed = path.replace(/^\/|\/+$/g, '');
  if (trimmed === '') return [];
  if (!trimmed.includes('%')) return trimmed.split('/');
  try {
    return trimmed.split('/').map(decodeURIComponent);
  } catch {
    throw new RequestError(400, `the path ${path} is not percent-encoded UTF-8`);
  }
}

function index(model: ServedModel, { serverName, serverVersion }: ServerState) {
  const name = encodeURIComponent(model.name);
  return json({
    server: serverName,
    version: serverVersion,
    model: { name: model.name, version: model.version },
    endpoints: [
      'POST /predict',
      `POST /v2/models/${name}/infer`,
      `GET /v2/models/${name}`,
      'GET /v2/health/live',
      'GET /v2/health/ready',
      `POST /v1/models/${name}:predict`,
      `GET /v1/models/${name}`,
      'GET /metrics',
    ],
  });
}

function serverMetadata({ serverName, serverVersion }: ServerState) {
  return json({ name: serverName, version: serverVersion, extensions: ['binary_tensor_data'] });
}

function readiness(model: ServedModel, state: ServerState) {
  const ready = model.isReady && !state.isDraining();
  return json({ live: true, ready }, ready ? 200 : 503);
}

function modelReadiness(model: ServedModel, state: ServerState) {
  const ready = model.isReady && !state.isDraining();
  return json({ name: model.name, ready }, ready ? 200 : 503);
}

async function metrics(state: ServerState) {
  const { body, contentType } = await state.metricsText();
  return { status: 200, body, contentType };
}
