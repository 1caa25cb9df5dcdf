import type { Sample } from '../../core/index.ts';

/** The samples of one series name for whose labels `also` holds. */
export function pick(
  samples: readonly Sample[],
  name: string,
  also: (labels: Sample['labels']) => boolean = () => true,
): readonly Sample[] {
  return samples.filter((each) => each.name === name && also(each.labels));
}

/** The sum of their values; 0 for none. */
export function total(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0);
}

/**
 * The quantile `q` (0…1) of a histogram, in its unit: linear inside the bucket it falls into, as Prometheus' histogram_quantile has it.
 * Series that differ in other labels are added up. The last finite bound when it lies beyond; undefined without an observation.
 */
export function quantile(q: number, buckets: readonly Sample[]): number | undefined {
  const counts = new Map<number, number>();
  for (const { labels, value } of buckets) {
    const bound = labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  const sorted = [...counts].sort(([left], [right]) => left - right);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all === 0) return undefined;
  const rank = q * all;
  let [lowerBound, below] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= rank) {
      if (bound === Number.POSITIVE_INFINITY) return lowerBound;
      const inside = count - below;
      return inside === 0 ? bound : lowerBound + (bound - lowerBound) * ((rank - below) / inside);
    }
    [lowerBound, below] = [bound, count];
  }
  return lowerBound;
}
