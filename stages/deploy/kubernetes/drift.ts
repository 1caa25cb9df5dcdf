import type { Change } from '../../../core/index.ts';
import { fieldManager, type LiveObject, type ManagedFields, named } from './api.ts';
import { domain } from './names.ts';

/** On every object of ours: itself, as we applied it. What is otherwise in the cluster was changed by somebody else. */
export const appliedKey = `${domain}/applied`;

/** What of our own fields is no longer as we applied it, and who changed it. Fields that we never set are none of our business. */
export function driftOfObject(object: LiveObject): readonly Change[] {
  const applied = appliedOf(object);
  if (applied === undefined) return [];
  return differing(applied, object, []).map(({ path, before, after }) => ({
    path: `${named(object)} ${path.join('.')}`,
    before,
    after: withManager(after, managerOf(object.metadata.managedFields ?? [], path)),
  }));
}

/** The object as we applied it last. */
export function appliedOf({ metadata }: LiveObject): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = metadata.annotations?.[appliedKey];
    return text === undefined ? undefined : (JSON.parse(text) as Readonly<Record<string, unknown>>);
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

interface Difference {
  readonly path: readonly string[];
  readonly before: unknown;
  readonly after: unknown;
}

/** What of `wanted` is not so in `live`; what `live` has beside it does not count. Lists of named things are compared by name. */
export function differing(wanted: unknown, live: unknown, path: readonly string[]): readonly Difference[] {
  if (Array.isArray(wanted) && Array.isArray(live)) return inLists(wanted, live, path);
  if (isTable(wanted) && isTable(live))
    return Object.entries(wanted).flatMap(([key, value]) => differing(value, live[key], [...path, key]));
  if (isEmpty(wanted) && isEmpty(live)) return [];
  return sameValue(wanted, live) ? [] : [{ path, before: wanted, after: live }];
}

function inLists(wanted: readonly unknown[], live: readonly unknown[], path: readonly string[]): readonly Difference[] {
  const key = ['name', 'containerPort', 'port', 'mountPath'].find((each) => tellsApart(wanted, each));
  if (key === undefined && wanted.length !== live.length) return [{ path, before: wanted, after: live }];
  return wanted.flatMap((item, index) => {
    if (key === undefined) return differing(item, live[index], [...path, String(index)]);
    const own = (item as Readonly<Record<string, unknown>>)[key];
    const other = live.find((each) => isTable(each) && each[key] === own);
    return differing(item, other, [...path, `[${String(own)}]`]);
  });
}

/** DNS has two ports of one number. */
function tellsApart(items: readonly unknown[], key: string): boolean {
  return items.every((item) => isTable(item) && key in item) && new Set(items.map((item) => (item as Fields)[key])).size === items.length;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The API server leaves out what is empty. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false || value === 0) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** The API server writes quantities in its own way: 1000m is 1, and 0.5 is 500m. */
function sameValue(wanted: unknown, live: unknown): boolean {
  if (wanted === live || JSON.stringify(wanted) === JSON.stringify(live)) return true;
  const [a, b] = [quantity(wanted), quantity(live)];
  return a !== undefined && a === b;
}

const factors: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

function quantity(value: unknown): number | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([kMGTPm]|[KMGTP]i)?$/.exec(String(value)) ?? [];
  return amount === undefined ? undefined : Number(amount) * (factors[unit] ?? 1);
}

function withManager(after: unknown, manager: string | undefined): unknown {
  if (manager === undefined) return after;
  const shown = typeof after === 'object' ? JSON.stringify(after) : String(after);
  return `${after === undefined ? 'removed' : shown} (by ${manager})`;
}

/** Who wrote the field last, of those who are not us. */
function managerOf(all: readonly ManagedFields[], path: readonly string[]): string | undefined {
  const others = all.filter(({ manager, subresource }) => manager !== fieldManager && subresource !== 'status');
  const owner = others
    .filter(({ fieldsV1 }) => fieldsV1 !== undefined && holds(fieldsV1, path))
    .sort((a, b) => (a.time ?? '').localeCompare(b.time ?? ''))
    .at(-1);
  return owner?.manager;
}

function holds(fields: Readonly<Record<string, unknown>>, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  const item = /^\[(.*)\]$/.exec(first)?.[1];
  const keys = item === undefined ? [`f:${first}`] : Object.keys(fields).filter((key) => key.startsWith('k:') && key.includes(item));
  const below = keys.map((key) => fields[key]).find(isTable);
  // A list or a table may be owned as a whole.
  return below !== undefined && (Object.keys(below).length === 0 || holds(below, rest));
}
