import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type TypeScript from 'typescript';
import type { ExitCode } from '../../spec/codes.ts';
import type { Diagnostic } from '../../spec/diagnostic.ts';
import { findConfig } from '../config-find.ts';
import { loadConfig } from '../load-config.ts';
import { packageRoot } from '../package-root.ts';
import { showDiagnostics } from '../show.ts';
import type { Where } from '../workspace.ts';

/** `modelflow check`: the types first, and when they are right, what only shows when the configuration is evaluated, for every profile. */
export async function checkCommand(where: Where): Promise<ExitCode> {
  const given = { from: where.cwd, ...(where.config === undefined ? {} : { file: where.config }) };
  const file = findConfig(given);
  const mistakes = await check(file);
  await showDiagnostics(mistakes);
  if (mistakes.some((each) => each.severity === 'error')) return 2;
  const config = await loadConfig(given);
  for (const profile of where.profile === undefined ? config.pipeline.profiles : [where.profile])
    await showDiagnostics((await config.evaluate(profile)).warnings);
  console.log(`${file}: nothing wrong`);
  return 0;
}

/**
 * Type-checks a configuration and all of the user's that it imports, with the compiler that modelflow brings along: strict, and with
 * `modelflow` and `zod` of the running CLI, so that it works in a folder that has neither package.json nor node_modules.
 * A tsconfig.json is not read: the answer is the same on every machine. Types of Node are the user's, or else our own.
 */
export async function check(file: string): Promise<readonly Diagnostic[]> {
  const { default: ts } = await import('typescript');
  const options = optionsFor(ts, dirname(file));
  const host = hostFor(ts, options);
  const program = ts.createProgram({ rootNames: [file], options, host });
  const found = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...program
      .getSourceFiles()
      .filter((source) => !source.isDeclarationFile && isUsers(source.fileName))
      .flatMap((source) => [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]),
  ];
  return ts.sortAndDeduplicateDiagnostics(found).map((diagnostic) => diagnosticOf(ts, diagnostic));
}

function optionsFor(ts: typeof TypeScript, folder: string): TypeScript.CompilerOptions {
  const typeRoot = nodeTypesFrom(folder);
  return {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2025.d.ts', ...(typeRoot === undefined ? ['lib.dom.d.ts'] : [])],
    module: ts.ModuleKind.ESNext,
    // Relative imports with and without an ending, as the loader takes them, whatever the package.json says or lacks.
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    esModuleInterop: true,
    // The loader drops no import: a type must be imported as one, or the file does not load.
    verbatimModuleSyntax: true,
    allowJs: true,
    checkJs: false,
    types: typeRoot === undefined ? [] : ['node'],
    ...(typeRoot === undefined ? {} : { typeRoots: [typeRoot] }),
  };
}

/** The nearest `node_modules/@types` with the types of Node: beside the configuration or above it, else among our own dependencies. */
function nodeTypesFrom(folder: string): string | undefined {
  for (const from of [folder, packageRoot()]) {
    for (let at = from; ; at = dirname(at)) {
      const candidate = join(at, 'node_modules', '@types');
      if (existsSync(join(candidate, 'node', 'package.json'))) return candidate;
      if (dirname(at) === at) break;
    }
  }
  return undefined;
}

/** Resolves `modelflow` and `zod` as the loader does: from the running CLI, wherever the importing file lies. */
function hostFor(ts: typeof TypeScript, options: TypeScript.CompilerOptions): TypeScript.CompilerHost {
  const host = ts.createCompilerHost(options);
  const own = join(packageRoot(), 'package.json');
  const cache = ts.createModuleResolutionCache(host.getCurrentDirectory(), host.getCanonicalFileName, options);
  host.resolveModuleNameLiterals = (literals, containing, redirected, settings) =>
    literals.map((literal) => {
      const isOurs = /^(modelflow|zod)(\/|$)/.test(literal.text) && !containing.includes('/node_modules/');
      const mode = isOurs ? ts.ModuleKind.ESNext : undefined;
      return ts.resolveModuleName(literal.text, isOurs ? own : containing, settings, host, cache, redirected, mode);
    });
  return host;
}

function isUsers(file: string): boolean {
  const root = packageRoot();
  return (
    !file.includes('/node_modules/') &&
    !file.startsWith(`${root}/core/`) &&
    !file.startsWith(`${root}/stages/`) &&
    !file.startsWith(`${root}/dist/`)
  );
}

function diagnosticOf(ts: typeof TypeScript, found: TypeScript.Diagnostic): Diagnostic {
  const [message = '', ...detail] = ts.flattenDiagnosticMessageText(found.messageText, '\n').split('\n');
  const at = found.file && found.start !== undefined ? placeOf(found.file, found.start) : undefined;
  return {
    code: 'MF1203',
    severity: found.category === ts.DiagnosticCategory.Error ? 'error' : 'warning',
    message: `${message} (TS${found.code})`,
    ...(at ? { at } : {}),
    ...(detail.length > 0 ? { detail: detail.map((line) => line.trimEnd()) } : {}),
  };
}

function placeOf(file: TypeScript.SourceFile, start: number): { readonly file: string; readonly line: number; readonly column: number } {
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  return { file: file.fileName, line: line + 1, column: character + 1 };
}
