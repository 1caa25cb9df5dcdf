import { basename, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deadEnds } from '../plan/dead-ends.ts';
import { type Diagnostic, failure, ModelflowError } from '../spec/diagnostic.ts';
import { isPipeline, isUsableName, type Pipeline, type Wanted } from '../spec/pipeline.ts';
import type { Policy } from '../spec/plan-policy.ts';
import { isRef } from '../spec/ref.ts';
import { collectNodes } from '../spec/stage.ts';
import type { NoteListing } from '../store/listings.ts';
import { cacheFolderIfAny } from '../world/cache-folder.ts';
import { codeDigest, codeParts } from './config-code.ts';
import { configFailure } from './config-errors.ts';
import { findConfig } from './config-find.ts';
import { hookModules, type ImportRecord } from './config-hooks.ts';
import { theirTalkAside } from './their-talk.ts';

/** What the configuration wants for a profile, and what a person should know of it (MF1104). */
export interface Evaluated {
  readonly wanted: Wanted;
  readonly policies: readonly Policy[];
  readonly warnings: readonly Diagnostic[];
}

export interface LoadedConfig {
  readonly pipeline: Pipeline;
  /** The configuration file, absolute. */
  readonly file: string;
  /** Its folder: relative paths in options and the store are taken from here. */
  readonly root: string;
  /** Calls the user's `build`. Whatever it throws becomes a ModelflowError with its place in the user's files. */
  evaluate(profile: string): Promise<Evaluated>;
  /** Is it one of the user's own files, and neither a package's nor modelflow's? */
  isUsers(file: string): boolean;
  /** Digest of modules of the user's and of all they import, transitively: part of the fingerprint of a stage that is defined in them. */
  codeDigest(files: readonly [string, ...string[]], note?: NoteListing): Promise<string>;
  /** The same, part by part: `file <path>` → sha256, `package <name>` → version. */
  codeParts(file: string): Promise<Readonly<Record<string, string>>>;
}

/**
 * Finds and loads the configuration, in a folder with or without package.json and node_modules.
 * Throws ModelflowError: MF1001 none found, MF1002 it throws or does not parse, MF1003 it exports no pipeline, MF1004 an import is missing.
 */
export async function loadConfig(given: { readonly from: string; readonly file?: string }): Promise<LoadedConfig> {
  const file = findConfig(given);
  // Places in stacks are those of the TypeScript, not of what it was transformed into.
  process.setSourceMapsEnabled(true);
  const record = hookModules(cacheFolderIfAny('configs'));
  const exported = await theirTalkAside(() => importConfig(file, record));
  const pipeline = exported['default'];
  if (!isPipeline(pipeline)) throw noPipeline(file, exported);
  return {
    pipeline,
    file,
    root: dirname(file),
    evaluate: (profile) => theirTalkAside(() => evaluate(pipeline, profile, record, file)),
    isUsers: (module) => record.isUsers(pathToFileURL(module).href),
    codeDigest: async (modules, note) => codeDigest(modules, record, note),
    codeParts: async (module) => codeParts(module, record),
  };
}

async function importConfig(file: string, record: ImportRecord): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    throw await configFailure(error, record);
  }
}

function noPipeline(file: string, exported: Readonly<Record<string, unknown>>): ModelflowError {
  const named = Object.keys(exported).find((name) => name !== 'default' && isPipeline(exported[name]));
  const message = 'default' in exported ? 'does not export a pipeline as its default' : 'has no default export';
  return failure('MF1003', `${basename(file)} ${message}`, {
    hint: named ? `Write \`export default ${named};\`.` : 'End it with `export default definePipeline({ name: …, build: () => ({ … }) })`.',
    at: { file, line: 1, column: 1 },
  });
}

async function evaluate(pipeline: Pipeline, profile: string, record: ImportRecord, file: string): Promise<Evaluated> {
  try {
    const { result, nodes } = collectNodes(() => pipeline.wanted(profile));
    checkWanted(result, file);
    return { wanted: result, policies: pipeline.policies(profile, result), warnings: deadEnds(result, nodes) };
  } catch (error) {
    throw await configFailure(error, record);
  }
}

/** Type stripping checks nothing: what `build` returns must be a table of refs before anything walks it. */
function checkWanted(wanted: unknown, file: string): asserts wanted is Wanted {
  const at = { file, line: 1, column: 1 };
  const hint = 'Return a table of stages by name: `build: () => ({ model, report })`.';
  if (wanted instanceof Promise) throw failure('MF1002', '`build` returned a promise; it must return the stages at once', { hint, at });
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted) || isRef(wanted))
    throw failure('MF1002', `\`build\` returned ${kindOf(wanted)} instead of a table of stages`, { hint, at });
  const problems = Object.entries(wanted).flatMap(([name, ref]): Diagnostic[] => {
    if (!isRef(ref))
      return [{ code: 'MF1002', severity: 'error', message: `\`build\` returned ${kindOf(ref)} under the name \`${name}\``, hint, at }];
    if (isUsableName(name)) return [];
    const allowed = 'Use letters, digits, dot, dash and underscore, beginning with a letter or digit.';
    return [{ code: 'MF1109', severity: 'error', message: `${JSON.stringify(name)} cannot be the name of a stage`, hint: allowed, at }];
  });
  if (problems.length > 0) throw new ModelflowError(problems);
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return 'a list';
  if (isRef(value)) return 'one stage';
  return typeof value === 'object' ? 'a plain object' : `a ${typeof value}`;
}
