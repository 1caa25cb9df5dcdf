import { readFileSync } from 'node:fs';
import type TypeScript from 'typescript';
import type { Diagnostic, Place } from '../spec/diagnostic.ts';

/**
 * A diagnostic of a stage has the place of the call. When its message names an option or an input, and that key stands in the braces of the call,
 * the place moves to the key. Reads the file; costs the loading of the compiler, and is for errors only.
 */
export async function refinePlace(diagnostic: Diagnostic): Promise<Diagnostic> {
  const { at } = diagnostic;
  const path = /\b(?:option|input) `([^`]+)`/.exec(diagnostic.message)?.[1];
  if (at === undefined || path === undefined) return diagnostic;
  const parsed = await parse(at.file);
  if (parsed === undefined) return diagnostic;
  const { ts, file } = parsed;
  const call = callAt(ts, file, at);
  const braces = call?.arguments.map((argument) => unwrapped(ts, argument)).find((argument) => ts.isObjectLiteralExpression(argument));
  const key = braces && keyAt(ts, braces, path.split('.'));
  return key ? { ...diagnostic, at: placeOf(file, key) } : diagnostic;
}

/** The second declaration of a name in a file: what V8 means by "has already been declared", of which it does not say where. */
export async function placeOfSecondDeclaration(path: string, name: string): Promise<Place | undefined> {
  const parsed = await parse(path);
  if (parsed === undefined) return undefined;
  const { ts, file } = parsed;
  const found: TypeScript.Node[] = [];
  walk(ts, file, (node) => {
    const declared = (node as Partial<TypeScript.NamedDeclaration>).name;
    const isDeclaration =
      ts.isVariableDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isEnumDeclaration(node) ||
      ts.isImportSpecifier(node) ||
      ts.isImportClause(node);
    if (isDeclaration && declared && ts.isIdentifier(declared) && declared.text === name) found.push(declared);
  });
  return found[1] && placeOf(file, found[1]);
}

interface Parsed {
  readonly ts: typeof TypeScript;
  readonly file: TypeScript.SourceFile;
}

async function parse(path: string): Promise<Parsed | undefined> {
  const { default: ts } = await import('typescript');
  try {
    return { ts, file: ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true) };
  } catch {
    // A place in a file that is gone, or was never one: the diagnostic is shown as it is.
    return undefined;
  }
}

/** V8 gives the place of `f` in `f(…)`, and of `b` in `a.b(…)`: the call whose callee is the smallest node around it. */
function callAt(ts: typeof TypeScript, file: TypeScript.SourceFile, at: Place): TypeScript.CallExpression | undefined {
  if (at.line < 1 || at.line > file.getLineStarts().length) return undefined;
  const position = (file.getLineStarts()[at.line - 1] ?? 0) + at.column - 1;
  let best: TypeScript.CallExpression | undefined;
  const width = (call: TypeScript.CallExpression): number => call.expression.end - call.expression.getStart(file);
  walk(ts, file, (node) => {
    if (!ts.isCallExpression(node)) return;
    const isInside = node.expression.getStart(file) <= position && position <= node.expression.end;
    if (isInside && (best === undefined || width(node) < width(best))) best = node;
  });
  return best;
}

/** `({ … })` and `{ … } as X` mean the braces in them. */
function unwrapped(ts: typeof TypeScript, expression: TypeScript.Expression): TypeScript.Expression {
  let inner = expression;
  while (ts.isAsExpression(inner) || ts.isSatisfiesExpression(inner) || ts.isParenthesizedExpression(inner)) inner = inner.expression;
  return inner;
}

/** As far as the path can be followed through braces and brackets: `input.scale`, `gates.0`. */
function keyAt(ts: typeof TypeScript, braces: TypeScript.ObjectLiteralExpression, path: readonly string[]): TypeScript.Node | undefined {
  let here: TypeScript.Node = braces;
  let found: TypeScript.Node | undefined;
  for (const segment of path) {
    if (ts.isArrayLiteralExpression(here)) {
      const element: TypeScript.Expression | undefined = here.elements[Number(segment)];
      if (element === undefined) break;
      [here, found] = [unwrapped(ts, element), element];
    } else {
      if (!ts.isObjectLiteralExpression(here)) break;
      const property: TypeScript.ObjectLiteralElementLike | undefined = here.properties.find((each) => nameOf(ts, each) === segment);
      if (property?.name === undefined) break;
      found = property.name;
      here = ts.isPropertyAssignment(property) ? unwrapped(ts, property.initializer) : property.name;
    }
  }
  return found;
}

function nameOf(ts: typeof TypeScript, property: TypeScript.ObjectLiteralElementLike): string | undefined {
  const { name } = property;
  if (name === undefined || ts.isComputedPropertyName(name) || ts.isPrivateIdentifier(name)) return undefined;
  return name.text;
}

function placeOf(file: TypeScript.SourceFile, node: TypeScript.Node): Place {
  const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
  return { file: file.fileName, line: line + 1, column: character + 1 };
}

function walk(ts: typeof TypeScript, node: TypeScript.Node, visit: (node: TypeScript.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(ts, child, visit));
}
