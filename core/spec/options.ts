import type { z } from 'zod';
import type { Diagnostic } from './diagnostic.ts';
import { ModelflowError } from './diagnostic.ts';
import { nearest } from './nearest.ts';
import { type LazyPlace, placeOfCallTo } from './place.ts';

/** Checks what a user passed against a schema; what is wrong becomes diagnostics with the place of the call. `callee` is the function the user called. */
export function parseOptions<S extends z.ZodRawShape>(
  owner: string,
  schema: z.ZodObject<S>,
  given: unknown,
  callee: (...given: never) => unknown,
): z.output<z.ZodObject<S>> {
  return parseAt(owner, schema, given, placeOfCallTo(callee));
}

export function parseAt<S extends z.ZodRawShape>(
  owner: string,
  schema: z.ZodObject<S>,
  given: unknown,
  place: LazyPlace,
): z.output<z.ZodObject<S>> {
  // zod would compile the schema to a function first, which only pays when it is used very often.
  const result = schema.safeParse(given, { jitless: true });
  if (result.success) return result.data;
  throw new ModelflowError(result.error.issues.flatMap((issue) => diagnosticsOf(owner, issue, given, Object.keys(schema.shape), place)));
}

function diagnosticsOf(owner: string, issue: z.core.$ZodIssue, given: unknown, known: readonly string[], place: LazyPlace): Diagnostic[] {
  const at = place();
  const where = at ? { at } : {};
  if (issue.code === 'unrecognized_keys') {
    const among = issue.path.length === 0 ? known : [];
    return issue.keys.map((key) => {
      const near = nearest(key, among);
      const hint = near ? `Did you mean \`${near}\`?` : among.length > 0 ? `It takes: ${among.join(', ')}.` : `Delete \`${key}\`.`;
      return {
        code: 'MF1102',
        severity: 'error',
        message: `${owner}: unknown option \`${[...issue.path, key].join('.')}\``,
        hint,
        ...where,
      };
    });
  }
  const path = issue.path.map(String).join('.');
  const found = valueAt(given, issue.path);
  const missing = found === undefined;
  const label = path === '' ? 'the options' : `option \`${path}\``;
  const message = missing ? `${owner}: ${label} is missing` : `${owner}: ${label} is ${show(found)}`;
  return [{ code: 'MF1101', severity: 'error', message, hint: `${sentence(issue)}.`, ...where }];
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `Expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  if (issue.code === 'invalid_type') return `Expected ${issue.expected}`;
  if (issue.code === 'invalid_union') {
    // When only one form is of the sort that was given, what it says is what is wrong.
    const [meant, other] = issue.errors.flatMap(([first]) => (first && !isOtherSort(first) ? [first] : []));
    if (meant && !other) return sentence(meant);
    const branches = issue.errors.flatMap((branch) => branch.slice(0, 1).map((first) => sentence(first).replace(/^Expected /, '')));
    return branches.length > 0 ? `Expected ${[...new Set(branches)].join(', or ')}` : issue.message;
  }
  return issue.message.replace(/\.$/, '');
}

function isOtherSort(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_type' && issue.path.length === 0;
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  let value = given;
  for (const key of path) value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  return value;
}

function show(value: unknown): string {
  const text = typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
