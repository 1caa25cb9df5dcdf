import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../plan/canonical.ts';
import type { Place } from '../spec/diagnostic.ts';

/** Raise it when the same source would now be transformed into other code. */
const format = 1;

/** The source does not parse. */
export class TypeScriptSyntaxError extends Error {
  readonly at: Place;

  constructor(message: string, at: Place) {
    super(message);
    this.name = 'SyntaxError';
    this.at = at;
  }
}

/**
 * TypeScript → JavaScript with an inline source map; enums and namespaces work, types are not checked.
 * One result per file is kept in `cacheFolder`; whatever goes wrong there only costs the time to transform again.
 */
export function transformTypeScript(source: string, url: string, cacheFolder: string | undefined): string {
  if (cacheFolder === undefined) return transform(source, url);
  const key = sha256(JSON.stringify([format, process.version, url, source]));
  const file = join(cacheFolder, `${sha256(url).slice(0, 40)}.js`);
  const kept = readKept(file, key);
  if (kept !== undefined) return kept;
  const code = transform(source, url);
  keep(file, cacheFolder, `${key} ${sha256(code)}\n${code}`);
  return code;
}

function readKept(file: string, key: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    const end = text.indexOf('\n');
    const code = text.slice(end + 1);
    // The digest of the code finds what a crash or a full disk has cut short.
    return text.slice(0, end) === `${key} ${sha256(code)}` ? code : undefined;
  } catch {
    // Not there, or not to be read: it is made again.
    return undefined;
  }
}

function keep(file: string, folder: string, text: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, file);
  } catch {
    // A home that cannot be written to (a container, a sandbox) must not stop anybody: the next load transforms again.
  }
}

function transform(source: string, url: string): string {
  try {
    return withoutWarning(() => stripTypeScriptTypes(source, { mode: 'transform', sourceMap: true, sourceUrl: url }));
  } catch (error) {
    if (codeOf(error) === 'ERR_INVALID_TYPESCRIPT_SYNTAX') throw syntaxError(error as Error, url);
    // A Node that has given up the transform mode: the bundled compiler does the same, more slowly.
    return transpile(source, url);
  }
}

/** The transform is experimental in every Node there is; saying so at each load helps nobody. */
function withoutWarning<T>(act: () => T): T {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => undefined;
  try {
    return act();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Node puts the place in front of the stack: `file:///a.ts:3`, the lines up to the mistake, and a line with a caret. */
function syntaxError(error: Error, url: string): TypeScriptSyntaxError {
  const head = (error.stack ?? '').split(/\n\s*\n?SyntaxError/)[0] ?? '';
  const line = Number(/^.*:(\d+)$/m.exec(head)?.[1] ?? 1);
  const caret = head.split('\n').find((text) => /^\s*\^+\s*$/.test(text));
  return new TypeScriptSyntaxError(error.message, { file: fileURLToPath(url), line, column: (caret?.indexOf('^') ?? 0) + 1 });
}

function transpile(source: string, url: string): string {
  const ts: typeof import('typescript') = createRequire(import.meta.url)('typescript');
  const made = ts.transpileModule(source, {
    fileName: url,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
      inlineSources: true,
    },
  });
  const [mistake] = made.diagnostics ?? [];
  if (mistake?.file && mistake.start !== undefined) {
    const { line, character } = mistake.file.getLineAndCharacterOfPosition(mistake.start);
    const at = { file: fileURLToPath(url), line: line + 1, column: character + 1 };
    throw new TypeScriptSyntaxError(ts.flattenDiagnosticMessageText(mistake.messageText, ' '), at);
  }
  return made.outputText;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
