/** A release that gets requests, or copies of them. */
export interface RouteRevision {
  readonly stamp: string;
  /** Its share of the requests, among all weights; 0: kept beside. */
  readonly weight: number;
  /** Percent of the requests that others answer and it is asked as well. */
  readonly mirror?: number;
  /** `http://host:port`, or `unix:path` of a socket. */
  readonly backends: readonly string[];
  /** The latencies of so many first answers of a backend are left out. */
  readonly warmUpAnswers?: number;
}

/** Who gets which requests. A table replaces the one before when its generation is higher. */
export interface RouteTable {
  readonly generation: number;
  readonly revisions: readonly RouteRevision[];
  /** Requests with the same value of this header go to the same revision while the weights stay. */
  readonly sticky?: { readonly header: string };
  /** How far apart numbers of two answers may be and still agree, as a share; 0.1 unless given. */
  readonly tolerance?: number;
}

/** A table that cannot be used, and why. */
export class TableError extends Error {}

/** Reads a table from JSON. Throws a `TableError` that names the place. */
export function parseTable(text: string): RouteTable {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TableError(`the table is not JSON: ${(cause as Error).message}`, { cause });
  }
  const table = recordAt('the table', value);
  const generation = numberAt('generation', table['generation'], Number.MAX_SAFE_INTEGER);
  if (!Number.isInteger(generation)) throw new TableError(`generation must be a whole number, not ${generation}`);
  if (!Array.isArray(table['revisions'])) throw new TableError('revisions must be a list');
  const revisions = table['revisions'].map((each: unknown, at) => revisionAt(`revisions[${at}]`, each));
  const twice = revisions.find(({ stamp }, at) => revisions.findIndex((other) => other.stamp === stamp) !== at);
  if (twice !== undefined) throw new TableError(`the stamp ${twice.stamp} is in the table twice`);
  const { sticky, tolerance } = table;
  return {
    generation,
    revisions,
    ...(sticky === undefined ? {} : { sticky: { header: textAt('sticky.header', recordAt('sticky', sticky)['header']).toLowerCase() } }),
    ...(tolerance === undefined ? {} : { tolerance: numberAt('tolerance', tolerance, Number.MAX_VALUE) }),
  };
}

/** Where a backend is reached, as `node:http` takes it. */
export type Place = { readonly host: string; readonly port: number } | { readonly socketPath: string };

/** Undefined when it is no address of a backend. */
export function placeOf(backend: string): Place | undefined {
  if (backend.startsWith('unix:')) return backend.length > 5 ? { socketPath: backend.slice(5) } : undefined;
  if (!URL.canParse(backend)) return undefined;
  const { protocol, hostname, port, pathname, search } = new URL(backend);
  if (protocol !== 'http:' || pathname !== '/' || search !== '') return undefined;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) };
}

function revisionAt(place: string, value: unknown): RouteRevision {
  const given = recordAt(place, value);
  const stamp = textAt(`${place}.stamp`, given['stamp']);
  if (!Array.isArray(given['backends'])) throw new TableError(`${place}.backends must be a list`);
  const backends = given['backends'].map((each: unknown, at) => {
    const backend = textAt(`${place}.backends[${at}]`, each);
    if (placeOf(backend) === undefined) throw new TableError(`${place}.backends[${at}] must be like http://host:port, not ${backend}`);
    return backend;
  });
  const { mirror, warmUpAnswers } = given;
  return {
    stamp,
    weight: numberAt(`${place}.weight`, given['weight'], 100),
    ...(mirror === undefined ? {} : { mirror: numberAt(`${place}.mirror`, mirror, 100) }),
    backends,
    ...(warmUpAnswers === undefined ? {} : { warmUpAnswers: numberAt(`${place}.warmUpAnswers`, warmUpAnswers, 1e9) }),
  };
}

function recordAt(place: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TableError(`${place} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

function textAt(place: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new TableError(`${place} must be a text that is not empty`);
  return value;
}

function numberAt(place: string, value: unknown, most: number): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= most))
    throw new TableError(`${place} must be a number from 0 to ${most}, not ${JSON.stringify(value)}`);
  return value;
}
