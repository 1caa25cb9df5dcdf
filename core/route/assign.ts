import { createHash } from 'node:crypto';

/** Where in 0…1 a value of a sticky header lies: the same in every router. */
export function pointOf(value: string): number {
  return createHash('sha256').update(value).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** Whose share the point, 0…1, falls into. When only weights move, between two, as few points as possible change sides. Undefined: all weights are 0. */
export function assign<R extends { readonly weight: number }>(revisions: readonly R[], point: number): R | undefined {
  const total = revisions.reduce((sum, { weight }) => sum + weight, 0);
  let at = point * total;
  const weighted = revisions.filter(({ weight }) => weight > 0);
  for (const revision of weighted) {
    at -= revision.weight;
    if (at < 0) return revision;
  }
  return weighted.at(-1);
}
