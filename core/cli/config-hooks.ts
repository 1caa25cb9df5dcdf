import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isBuiltin, type LoadHookSync, type ResolveHookSync, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformTypeScript } from './config-transform.ts';
import { type OwnModules, ownModules } from './own-modules.ts';

/** What was seen while modules were loaded. Only the user's own files are recorded: neither packages nor modelflow itself. */
export interface ImportRecord {
  /** URL of a file of the user's → sha256 of its bytes as they were loaded. */
  readonly digests: Map<string, string>;
  /** URL of a file of the user's → URLs of what it imports. */
  readonly imports: Map<string, Set<string>>;
  /** An error that an import ended with → which import that was. */
  readonly failures: Map<unknown, { readonly specifier: string; readonly parent: string }>;
  /** The file of the user's that was loaded last: V8 gives no place for some syntax errors. */
  lastLoaded: string | undefined;
  readonly own: OwnModules;
  isUsers(url: string | undefined): url is string;
}

/**
 * From now on, in this process: `modelflow` and `zod` are the running CLI's own wherever the importing file lies,
 * relative imports may leave out `.ts`, and TypeScript of the user's is transformed. The hooks stay, since a stage may import later.
 */
export function hookModules(cacheFolder: string | undefined): ImportRecord {
  const own = ownModules();
  const record: ImportRecord = {
    digests: new Map(),
    imports: new Map(),
    failures: new Map(),
    lastLoaded: undefined,
    own,
    isUsers: (url): url is string => url?.startsWith('file:') === true && !url.includes('/node_modules/') && !own.owns(url),
  };
  registerHooks({ resolve: resolving(record), load: loading(record, cacheFolder) });
  return record;
}

function resolving(record: ImportRecord): ResolveHookSync {
  return (specifier, context, next) => {
    const parent = context.parentURL;
    if (!record.isUsers(parent)) {
      const door = record.own.doors.get(specifier);
      return door === undefined ? next(specifier, context) : next(asTarget(door, context), context);
    }
    try {
      const found = resolveForUser(record, specifier, { ...context, parentURL: parent }, next);
      if (!found.url.startsWith('node:')) noteImport(record, parent, found.url);
      return found;
    } catch (error) {
      record.failures.set(error, { specifier, parent });
      throw error;
    }
  };
}

const moduleSyntax = /^(import\s*(['"{*]|\w+\s*(,|from\b))|export\s+(default|const|let|function|async|class|\{|\*))/m;

type ResolveContext = Parameters<ResolveHookSync>[1];

function resolveForUser(
  record: ImportRecord,
  specifier: string,
  context: ResolveContext & { readonly parentURL: string },
  next: Parameters<ResolveHookSync>[2],
): ReturnType<ResolveHookSync> {
  const door = record.own.doors.get(specifier);
  if (door !== undefined) return next(asTarget(door, context), context);
  // Node would find out only when it loads the module, and not say who wanted it.
  if (specifier.startsWith('node:') && !isBuiltin(specifier)) throw new Error(`No such built-in module: ${specifier}`);
  if (isOf('modelflow', specifier)) throw new Error(`modelflow has no module \`${specifier}\``);
  const { zod } = record.own;
  if (zod !== undefined && (specifier === 'zod' || specifier === 'zod/v4')) return next(asTarget(zod, context), context);
  if (isOf('zod', specifier)) return next(specifier, { ...context, parentURL: import.meta.url });
  const relative = /^(\.\.?\/|\/|file:)/.test(specifier) ? existingFile(new URL(specifier, context.parentURL)) : undefined;
  return next(relative === undefined ? specifier : asTarget(relative, context), context);
}

/** `require` takes paths, `import` takes URLs. */
function asTarget(url: string, context: ResolveContext): string {
  return context.conditions.includes('require') ? fileURLToPath(url) : url;
}

function isOf(name: string, specifier: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`);
}

/** The file that a relative import means: itself, the TypeScript behind a `.js`, with an ending, or the index of a folder. */
export function existingFile(url: URL): string | undefined {
  const behind = url.href.replace(/\.([mc]?)js(?=$|\?)/, '.$1ts');
  const endings = ['.ts', '.mts', '.js', '.mjs', '/index.ts', '/index.mts', '/index.js', '/index.mjs'];
  return [url.href, behind, ...endings.map((ending) => url.href + ending)].find((candidate) => {
    try {
      return statSync(new URL(candidate), { throwIfNoEntry: false })?.isFile() ?? false;
    } catch {
      // `a.ts/index.ts` where a.ts is a file: ENOTDIR is thrown, and means no as well.
      return false;
    }
  });
}

function noteImport(record: ImportRecord, parent: string, url: string): void {
  const known = record.imports.get(parent) ?? new Set();
  record.imports.set(parent, known.add(url));
}

function loading(record: ImportRecord, cacheFolder: string | undefined): LoadHookSync {
  return (url, context, next) => {
    if (!record.isUsers(url)) return next(url, context);
    const path = fileURLToPath(url);
    const source = readFileSync(path);
    record.digests.set(url, createHash('sha256').update(source).digest('hex'));
    record.lastLoaded = url;
    if (/\.m?ts$/.test(path))
      return { format: 'module', shortCircuit: true, source: transformTypeScript(source.toString('utf8'), url, cacheFolder) };
    // A folder with `"type": "commonjs"` says nothing about a file that has imports in it.
    if (path.endsWith('.js') && context.format === 'commonjs' && moduleSyntax.test(source.toString('utf8')))
      return { format: 'module', shortCircuit: true, source };
    return next(url, context);
  };
}
