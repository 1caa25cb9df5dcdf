import { isSecret } from '../spec/secret.ts';
import { isSource } from '../spec/source.ts';
import type { Change } from '../spec/target.ts';
import { canonicalJson } from './canonical.ts';
import { isTable } from './fingerprint.ts';

/** Every value below `path` that differs, by its dotted path. A list is one value; a source is named without the folder it lies in. */
export function differences(path: string, before: unknown, after: unknown): readonly Change[] {
  if (isSecret(before) || isSecret(after)) {
    // What a target reads back of a secret is not compared, and never shown.
    const isKnown = before !== undefined && after !== undefined;
    if (isKnown && (!isSecret(before) || !isSecret(after) || before.secret === after.secret)) return [];
    return [{ path, before: secretName(before), after: secretName(after) }];
  }
  if (isTable(before) && isTable(after) && !isSource(before) && !isSource(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differences(`${path}.${key}`, before[key], after[key]));
  }
  const [shownBefore, shownAfter] = [shown(before), shown(after)];
  return sameJson(shownBefore, shownAfter) ? [] : [{ path, before: shownBefore, after: shownAfter }];
}

/** What is live, with the name of a secret in place of every value that is, or was released as, a secret. */
export function withoutSecrets(live: unknown, ...known: readonly unknown[]): unknown {
  const named = known.find(isSecret);
  if (named !== undefined) return live === undefined || isSecret(live) ? live : named;
  if (!isTable(live) || isSecret(live)) return live;
  const below = (key: string): readonly unknown[] => known.map((each) => (isTable(each) ? each[key] : undefined));
  return Object.fromEntries(Object.entries(live).map(([key, value]) => [key, withoutSecrets(value, ...below(key))]));
}

function secretName(value: unknown): string | undefined {
  return isSecret(value) ? `secret ${value.secret}` : undefined;
}

/** A plan is read on other machines: where a file lies on this one is nobody's business. */
function shown(value: unknown): unknown {
  if (isSecret(value)) return secretName(value);
  if (isSource(value)) return `${value.source} ${value.path.split(/[\\/]/).at(-1)}`;
  if (Array.isArray(value)) return value.map(shown);
  return isTable(value) ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shown(each)])) : value;
}

function sameJson(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(a) === canonicalJson(b);
}
