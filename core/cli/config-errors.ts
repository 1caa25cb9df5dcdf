import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { failure, ModelflowError, type Place } from '../spec/diagnostic.ts';
import { nearest } from '../spec/nearest.ts';
import { parseFrame } from '../spec/place.ts';
import type { ImportRecord } from './config-hooks.ts';
import { placeOfSecondDeclaration, refinePlace } from './config-place.ts';
import { TypeScriptSyntaxError } from './config-transform.ts';

/** Turns whatever loading or evaluating a configuration threw into diagnostics with a place in the user's own files. */
export async function configFailure(error: unknown, record: ImportRecord): Promise<ModelflowError> {
  if (isModelflowError(error)) return new ModelflowError(await Promise.all(error.diagnostics.map(refinePlace)), { cause: error });
  const missing = record.failures.get(error);
  if (missing) return moduleNotFound(missing, error, record);
  if (error instanceof TypeScriptSyntaxError)
    return failure('MF1002', `${basename(error.at.file)} does not parse: ${error.message}`, { at: error.at, cause: error });
  if (error instanceof SyntaxError) return syntaxFailure(error, record);
  return thrown(error, record);
}

/** A configuration may bring a modelflow of its own, whose class is another one. */
function isModelflowError(error: unknown): error is ModelflowError {
  return error instanceof Error && error.name === 'ModelflowError' && 'diagnostics' in error && Array.isArray(error.diagnostics);
}

function moduleNotFound(
  missing: { readonly specifier: string; readonly parent: string },
  cause: unknown,
  record: ImportRecord,
): ModelflowError {
  const { specifier } = missing;
  const parent = fileURLToPath(missing.parent);
  const at = placeOfText(parent, specifier);
  return failure('MF1004', `cannot find \`${specifier}\`, imported by ${basename(parent)}`, {
    hint: hintForMissing(specifier, parent, record),
    ...(at ? { at } : {}),
    cause,
  });
}

function hintForMissing(specifier: string, parent: string, record: ImportRecord): string {
  const doors = [...record.own.doors.keys()];
  if (specifier.startsWith('modelflow')) {
    const near = nearest(specifier, doors);
    return near ? `Did you mean \`${near}\`?` : `There are: ${doors.join(', ')}.`;
  }
  if (specifier.startsWith('node:')) return 'This Node has no such built-in module.';
  if (!/^(\.\.?\/|\/|file:)/.test(specifier)) {
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return `Install it beside the configuration: \`npm install ${name}\` in ${dirname(parent)}.`;
  }
  const wanted = fileURLToPath(new URL(specifier, pathToFileURL(parent)));
  const stem = (name: string): string => basename(name, extname(name));
  const there = filesIn(dirname(wanted));
  const near = nearest(stem(wanted), there.map(stem));
  const file = there.find((name) => stem(name) === near);
  const prefix = specifier.slice(0, specifier.lastIndexOf('/') + 1);
  return file ? `Did you mean \`${prefix}${file}\`?` : `There is no such file: ${wanted}`;
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /\.[mc]?[jt]s$|\.json$/.test(name));
  } catch {
    // The folder of the import does not exist either: there is nothing to suggest.
    return [];
  }
}

function placeOfText(file: string, specifier: string): Place | undefined {
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const quoted = [`'${specifier}'`, `"${specifier}"`, `\`${specifier}\``].map((text) => line.indexOf(text)).find((found) => found >= 0);
    if (quoted !== undefined) return { file, line: index + 1, column: quoted + 1 };
  }
  return undefined;
}

/** Mistakes that only V8 finds. Of an import it says the line; of a name declared twice nothing at all. */
async function syntaxFailure(error: SyntaxError, record: ImportRecord): Promise<ModelflowError> {
  const head = /^(?:file:\/\/)?(\/.*):(\d+)\n.*\n(\s*)\^/.exec(error.stack ?? '');
  const twice = /^Identifier '(.+)' has already been declared$/.exec(error.message)?.[1];
  const last = record.lastLoaded && fileURLToPath(record.lastLoaded);
  const at = head
    ? { file: decodeURI(head[1] ?? ''), line: Number(head[2]), column: (head[3] ?? '').length + 1 }
    : twice && last
      ? await placeOfSecondDeclaration(last, twice)
      : undefined;
  const [, module = '', name] = /^The requested module '(.+)' does not provide an export named '(.+)'/.exec(error.message) ?? [];
  return failure('MF1002', `${basename(at?.file ?? last ?? 'the configuration')} does not load: ${error.message}`, {
    hint: name ? await hintForExport(module, name, record) : 'Run `modelflow check`: the compiler may say more.',
    ...(at ? { at } : last ? { at: { file: last, line: 1, column: 1 } } : {}),
    cause: error,
  });
}

async function hintForExport(module: string, name: string, record: ImportRecord): Promise<string> {
  const door = record.own.doors.get(module);
  const near = door === undefined ? undefined : nearest(name, Object.keys(await import(door)));
  if (near) return `Did you mean \`${near}\`?`;
  return `If \`${name}\` is a type, write \`import { type ${name} }\`; if it is a value, look how it is spelt where it is exported.`;
}

function thrown(error: unknown, record: ImportRecord): ModelflowError {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : `something that is no Error: ${inspect(error, { depth: 1 })}`;
  const [at, ...callers] = error instanceof Error ? placesIn(error.stack ?? '', record) : [];
  const last = record.lastLoaded && fileURLToPath(record.lastLoaded);
  const detail: string[] = callers.slice(0, 5).map((place) => `called from ${place.file}:${place.line}:${place.column}`);
  if (error instanceof Error && error.cause !== undefined) detail.push(`because of: ${String(error.cause)}`);
  return failure('MF1002', `the configuration threw ${what}`, {
    ...(at ? { at } : last ? { hint: `It has no place in your files; the last one loaded was ${last}.` } : {}),
    ...(detail.length > 0 ? { detail } : {}),
    cause: error,
  });
}

function placesIn(stack: string, record: ImportRecord): readonly Place[] {
  return stack.split('\n').flatMap((line) => {
    const place = parseFrame(line);
    return place && record.isUsers(pathToFileURL(place.file).href) ? [place] : [];
  });
}
