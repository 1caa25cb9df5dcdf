import type { Place } from './diagnostic.ts';

/** Where a function was called, found only when somebody asks: reading a stack costs far more than taking it. */
export type LazyPlace = () => Place | undefined;

/** The place that called `callee`. Taking it is cheap; the stack is read at the first call of what is returned. */
export function placeOfCallTo(callee: (...given: never) => unknown): LazyPlace {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, callee);
  Error.stackTraceLimit = limit;
  let found: { readonly place: Place | undefined } | undefined;
  return () => {
    found ??= { place: parseFrame(holder.stack ?? '') };
    return found.place;
  };
}

const deepestStack = 100;

/** The files whose code was at work when `callee` was called, from the innermost outwards, each once: a factory, and whoever called it. */
export function filesOfCallTo(callee: (...given: never) => unknown): () => readonly string[] {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = deepestStack;
  Error.captureStackTrace(holder, callee);
  Error.stackTraceLimit = limit;
  let found: readonly string[] | undefined;
  return () => {
    found ??= [...new Set((holder.stack ?? '').split('\n').flatMap((line) => parseFrame(line)?.file ?? []))];
    return found;
  };
}

/** Reads the first frame of a V8 stack: `at name (file:///a/b.ts:3:5)`, with or without the name and the scheme. */
export function parseFrame(stack: string): Place | undefined {
  const match = /^\s*at (?:async )?(?:.*? \()?(file:\/\/)?(\/.*?):(\d+):(\d+)\)?$/m.exec(stack);
  if (!match) return undefined;
  const [, scheme, path = '', line = '1', column = '1'] = match;
  // Only a URL is percent-encoded; a plain path may have a lone `%` in it.
  const file = scheme ? decodeURIComponent(path.replace(/\?.*$/, '')) : path;
  return { file, line: Number(line), column: Number(column) };
}
