import { hash } from 'node:crypto';

/** JSON with sorted keys and no spaces (RFC 8785 for the values used here): the same value gives the same text, on every machine. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return JSON.stringify({ number: String(value) });
    return JSON.stringify(value);
  }
  if (typeof value === 'bigint') return JSON.stringify({ bigint: value.toString() });
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  throw new TypeError(`a ${typeof value} has no canonical JSON`);
}

/**
 * Where a value holds something that JSON would lose or change, and what: `scores.f1: NaN`; or nothing.
 * A property that is undefined is no loss: it is not there afterwards either.
 */
export function notJson(value: unknown, path = '', above: readonly unknown[] = []): string | undefined {
  const at = (what: string): string => `${path === '' ? 'the value' : path}: ${what}`;
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : at(String(value));
  if (typeof value !== 'object') return at(value === undefined ? 'undefined' : `a ${typeof value}`);
  if (above.includes(value)) return at('a loop');
  const inside = [...above, value];
  const below = (key: string, item: unknown) => notJson(item, path === '' ? key : `${path}.${key}`, inside);
  if (Array.isArray(value)) return firstOf(value.entries(), ([index, item]) => below(String(index), item));
  const kind = Object.getPrototypeOf(value) as unknown;
  if (kind !== Object.prototype && kind !== null) return at(`a ${value.constructor?.name ?? 'class'}`);
  return firstOf(Object.entries(value), ([key, item]) => (item === undefined ? undefined : below(key, item)));
}

function firstOf<T>(items: Iterable<T>, problem: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names a plan: the same steps for the same reasons on the same live world. */
export function planDigestOf(plan: object): string {
  return sha256(canonicalJson(plan));
}

/** sha256, in hex. */
export function sha256(bytes: string | Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}
