import type { z } from 'zod';

/**
 * Dotted paths to the numbers that facts of this schema can have; undefined when the schema leaves names open (a record, a union, a
 * loose object), so that nothing can be said of a name.
 */
export function numericFactsOf(schema: z.ZodType): readonly string[] | undefined {
  const numbers: string[] = [];
  return collect(schema, '', numbers) ? numbers : undefined;
}

/** What `collect` reads of a zod definition; zod's own types forget it once a schema is a plain `ZodType`. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
}

const wrappers: ReadonlySet<string> = new Set(['optional', 'nullable', 'default', 'prefault', 'nonoptional', 'readonly', 'catch']);
const closed: ReadonlySet<string> = new Set(['string', 'boolean', 'literal', 'enum', 'null', 'array', 'tuple', 'template_literal']);

/** False when a part of the schema is open. */
function collect(schema: z.ZodType, path: string, numbers: string[]): boolean {
  const definition = schema.def as unknown as Definition;
  if (definition.innerType && wrappers.has(definition.type)) return collect(definition.innerType, path, numbers);
  if (definition.type === 'number') {
    numbers.push(path);
    return true;
  }
  if (definition.type !== 'object') return closed.has(definition.type);
  if (definition.catchall && (definition.catchall.def as unknown as Definition).type !== 'never') return false;
  return Object.entries(definition.shape ?? {}).every(([key, inner]) => collect(inner, path === '' ? key : `${path}.${key}`, numbers));
}
