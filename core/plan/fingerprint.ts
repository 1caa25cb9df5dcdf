import { isMonitor } from '../spec/monitor.ts';
import type { FingerprintParts } from '../spec/plan.ts';
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

/** The sources among the options, wherever they stand. */
export function sourcesIn(options: unknown): readonly Source[] {
  if (isSource(options)) return [options];
  if (isTarget(options) || isMonitor(options)) return [];
  if (Array.isArray(options)) return options.flatMap(sourcesIn);
  if (typeof options === 'object' && options !== null) return Object.values(options).flatMap(sourcesIn);
  return [];
}

/** Options as plain data: a source by its digest, a target and a monitor by name and settings, a function by its text. */
export function plainOptions(options: unknown, digestOf: (source: Source) => SourceDigest): unknown {
  if (isSource(options)) return digestOf(options);
  if (isTarget(options)) return { target: options.target, version: options.version, settings: plainOptions(options.settings, digestOf) };
  if (isMonitor(options)) return { monitor: options.monitor, settings: plainOptions(options.settings, digestOf) };
  if (typeof options === 'function') return { function: sha256(String(options)) };
  if (options instanceof Date || options instanceof RegExp || options instanceof URL) return String(options);
  if (Array.isArray(options)) return options.map((item) => plainOptions(item, digestOf));
  if (typeof options === 'object' && options !== null) {
    return Object.fromEntries(
      Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [[key, plainOptions(value, digestOf)]])),
    );
  }
  return options;
}
