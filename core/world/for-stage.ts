import { resolve } from 'node:path';
import { isTable } from '../plan/fingerprint.ts';
import { isMonitor } from '../spec/monitor.ts';
import { isSecret, type Secret } from '../spec/secret.ts';
import { isSource } from '../spec/source.ts';
import { isTarget } from '../spec/target.ts';

/**
 * Options as a stage gets them: sources with absolute paths, secrets that can be revealed; in lists, tables and the settings of targets.
 * What has a class of its own is handed on as it is.
 */
export function forStage(options: unknown, root: string, opened: (given: Secret) => Secret): unknown {
  const inside = (value: unknown): unknown => forStage(value, root, opened);
  if (isSource(options)) return { source: options.source, path: resolve(root, options.path) };
  if (isSecret(options)) return opened(options);
  if (isTarget(options)) return { ...options, settings: inside(options.settings) };
  if (isMonitor(options)) return options;
  if (Array.isArray(options)) return options.map(inside);
  if (isTable(options)) return Object.fromEntries(Object.entries(options).map(([key, value]) => [key, inside(value)]));
  return options;
}
