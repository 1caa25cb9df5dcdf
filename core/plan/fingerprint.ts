import { failure } from '../spec/diagnostic.ts';
import { isMonitor } from '../spec/monitor.ts';
import type { FingerprintParts } from '../spec/plan.ts';
import { isSecret, type Secret } from '../spec/secret.ts';
import { isSource, type Source } from '../spec/source.ts';
import { isTarget } from '../spec/target.ts';
import { canonicalJson, sha256 } from './canonical.ts';

/** Raise it when the way fingerprints are made changes: everything is then made again once. */
export const fingerprintFormat = 1;

/** A source as it enters the fingerprint: by its bytes, never by its path. */
export interface SourceDigest {
  readonly source: 'file' | 'folder';
  readonly digest: string;
  readonly sizeBytes: number;
}

/** sha256 over the canonical JSON of everything that decides the bytes. Names, gates, paths and times are not in it. */
export function fingerprintOf(parts: FingerprintParts): string {
  return sha256(canonicalJson(parts));
}

/** A plain table, of which the entries are all there is to it. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const kind = Object.getPrototypeOf(value) as unknown;
  return kind === Object.prototype || kind === null;
}

/** The sources among the options and in the settings of targets, wherever they stand in lists and tables. */
export function sourcesIn(options: unknown): readonly Source[] {
  if (isSource(options)) return [options];
  if (isTarget(options)) return sourcesIn(options.settings);
  if (isMonitor(options)) return [];
  if (Array.isArray(options)) return options.flatMap(sourcesIn);
  return isTable(options) ? Object.values(options).flatMap(sourcesIn) : [];
}

/** The secrets among the options and in the settings of targets. */
export function secretsIn(options: unknown): readonly Secret[] {
  if (isSecret(options)) return [options];
  if (isTarget(options)) return secretsIn(options.settings);
  if (isMonitor(options)) return [];
  if (Array.isArray(options)) return options.flatMap(secretsIn);
  return isTable(options) ? Object.values(options).flatMap(secretsIn) : [];
}

/** Is there a function among the options? Those of targets and monitors belong to their definitions. */
export function holdsFunction(options: unknown): boolean {
  if (typeof options === 'function') return true;
  if (isTarget(options) || isMonitor(options)) return false;
  if (Array.isArray(options)) return options.some(holdsFunction);
  return isTable(options) && Object.values(options).some(holdsFunction);
}

/**
 * Options as plain JSON, so that two that differ never look the same: a source by its digest, a target and a monitor by name and settings,
 * a function by its text, what JSON cannot hold as a table that says what it is. MF1101 for what says nothing of itself (a symbol, a class of the user's).
 */
export function plainOptions(options: unknown, digestOf: (source: Source) => unknown): unknown {
  const plain = (value: unknown): unknown => plainOptions(value, digestOf);
  if (options === undefined) return null;
  if (typeof options === 'number') return Number.isFinite(options) && !Object.is(options, -0) ? options : { number: numberText(options) };
  if (typeof options === 'bigint') return { bigint: options.toString() };
  if (typeof options === 'function') return { function: sha256(String(options)) };
  if (typeof options === 'symbol') throw noFingerprint('a symbol');
  if (typeof options !== 'object' || options === null) return options;
  if (isSource(options)) return digestOf(options);
  // Which secret it is counts; where its value comes from, and the value, do not.
  if (isSecret(options)) return { secret: options.secret };
  if (isTarget(options)) return { target: options.target, version: options.version, settings: plain(options.settings) };
  if (isMonitor(options)) return { monitor: options.monitor, settings: plain(options.settings) };
  if (Array.isArray(options)) return options.map(plain);
  if (isTable(options)) return Object.fromEntries(entriesOf(options).map(([key, value]) => [key, plain(value)]));
  return plainInstance(options, plain);
}

function plainInstance(value: object, plain: (value: unknown) => unknown): unknown {
  if (value instanceof Date) return { date: Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString() };
  if (value instanceof RegExp || value instanceof URL) return String(value);
  if (value instanceof Map) return { map: [...value].map(plain) };
  if (value instanceof Set) return { set: [...value].map(plain) };
  if (ArrayBuffer.isView(value)) return { bytes: sha256(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
  if (value instanceof ArrayBuffer) return { bytes: sha256(new Uint8Array(value)) };
  throw noFingerprint(`an object of class ${value.constructor?.name ?? '?'}`);
}

function entriesOf(table: Readonly<Record<string, unknown>>): readonly (readonly [string, unknown])[] {
  return Object.entries(table).filter(([, value]) => value !== undefined);
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function noFingerprint(what: string): Error {
  return failure('MF1101', `${what} cannot be an option: whether it changed could not be told`, {
    hint: 'Pass numbers, texts, booleans, lists and tables.',
  });
}
