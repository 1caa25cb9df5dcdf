/** One step of RFC 6902. */
export type PatchStep =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** What makes `after` of `before`: as few and as small steps as can be read. Lists of another length are replaced whole. */
export function jsonPatch(before: unknown, after: unknown, path = ''): readonly PatchStep[] {
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => {
      const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (after[key] === undefined) return before[key] === undefined ? [] : [{ op: 'remove' as const, path: at }];
      if (before[key] === undefined) return [{ op: 'add' as const, path: at, value: after[key] }];
      return jsonPatch(before[key], after[key], at);
    });
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
    return before.flatMap((each, index) => jsonPatch(each, after[index], `${path}/${index}`));
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ op: 'replace', path, value: after }];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
