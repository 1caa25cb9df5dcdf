import { failure } from './diagnostic.ts';
import { isRef, type Ref } from './ref.ts';

/** What the configuration wants: names people read → what is to be made. */
export type Wanted = Readonly<Record<string, Ref>>;

/** As `build` returns it: refs by name, in groups where it likes. `{ int8: { small } }` is called `int8.small`. */
export interface WantedGroups {
  readonly [name: string]: Ref | WantedGroups;
}

/** The groups as one table, by dotted names. What is neither a ref nor a group is left as it is, for whoever checks the table. */
export function flattened(groups: unknown): unknown {
  if (!isGroup(groups)) return groups;
  const flat = new Map<string, unknown>();
  const walk = (group: Readonly<Record<string, unknown>>, prefix: string): void => {
    for (const [key, value] of Object.entries(group)) {
      const name = prefix + key;
      if (isGroup(value) && Object.keys(value).length > 0) {
        walk(value, `${name}.`);
        continue;
      }
      if (flat.has(name))
        throw failure('MF1208', `\`build\` returned two stages that would be called \`${name}\``, { hint: 'Rename one of the two.' });
      flat.set(name, value);
    }
  };
  walk(groups, '');
  return Object.fromEntries(flat);
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || isRef(value)) return false;
  const kind: unknown = Object.getPrototypeOf(value);
  return kind === Object.prototype || kind === null;
}
