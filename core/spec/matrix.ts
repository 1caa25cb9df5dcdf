import { failure } from './diagnostic.ts';
import { placeOfCallTo } from './place.ts';

/** The values of one axis: plain ones that are their own names, or a table of names and values of any sort (models, refs, settings). */
export type Axis = readonly (string | number | boolean)[] | Readonly<Record<string, unknown>>;
type Axes = Readonly<Record<string, Axis>>;

/** One combination: for each axis the value, not its name. */
export type Cell<A extends Axes> = { readonly [Name in keyof A]: A[Name] extends readonly (infer V)[] ? V : A[Name][keyof A[Name]] };

type NamesOf<X> = X extends readonly (infer V extends string | number | boolean)[] ? `${V}` : keyof X & string;
type IsOne<K, All = K> = [K] extends [never] ? false : K extends unknown ? ([All] extends [K] ? true : false) : never;
/** With one axis the names are known to the compiler; with more, their order is not. */
type NameIn<A extends Axes> = true extends IsOne<keyof A> ? NamesOf<A[keyof A]> : string;

/** The name of each combination → what was made of it. Where some may be left out, any may be missing. */
export type Matrix<A extends Axes, R> = Readonly<Record<undefined extends R ? string : NameIn<A>, Exclude<R, undefined>>>;

/**
 * Calls `make` for every combination of the axes, the last one varying fastest. A combination is named after its values, in the order in which
 * the axes are written: `small.dynamic`. One for which `make` returns nothing is left out.
 */
export function matrix<const A extends Axes, R>(axes: A, make: (cell: Cell<A>) => R): Matrix<A, R> {
  const place = placeOfCallTo(matrix)();
  const refuse = (message: string, hint: string): Error =>
    failure('MF1208', `matrix: ${message}`, { hint, ...(place ? { at: place } : {}) });
  let cells: readonly { readonly name: string; readonly cell: Readonly<Record<string, unknown>> }[] = [{ name: '', cell: {} }];
  for (const [axis, values] of Object.entries(axes)) {
    const entries = entriesOf(values);
    if (entries.length === 0) throw refuse(`the axis \`${axis}\` has no values`, 'Without a value there is no combination at all.');
    const wrong = entries.find(([name]) => !/^[A-Za-z0-9._-]+$/.test(name));
    if (wrong)
      throw refuse(`${JSON.stringify(wrong[0])} on the axis \`${axis}\` cannot be a name`, `Name the value: \`${axis}: { name: value }\`.`);
    cells = cells.flatMap(({ name, cell }) =>
      entries.map(([value, given]) => ({ name: name === '' ? value : `${name}.${value}`, cell: { ...cell, [axis]: given } })),
    );
  }
  const made = new Map<string, unknown>();
  for (const { name, cell } of cells) {
    if (made.has(name))
      throw refuse(`two combinations would be called \`${name}\``, 'Give the values names of their own: `{ name: value }`.');
    // The cell was built from the axes, key by key.
    made.set(name, make(cell as Cell<A>));
  }
  return Object.fromEntries([...made].filter(([, ref]) => ref !== undefined)) as Matrix<A, R>;
}

function entriesOf(values: Axis): readonly (readonly [string, unknown])[] {
  return Array.isArray(values) ? values.map((value) => [String(value), value] as const) : Object.entries(values);
}
