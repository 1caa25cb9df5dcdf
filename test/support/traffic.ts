import { latencyBoundsMs, type Phase, type Seen } from '../../core/index.ts';

/** How a release behaves. */
export interface Behaviour {
  readonly failing: number;
  readonly medianMs: number;
  /** Share of its answers that are others than the stable release's. */
  readonly disagreeing: number;
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Counting extends Seen {
  requests: number;
  failures: number;
  refusals?: number;
  latencies: number[];
}

export interface Split {
  share: number;
  stable: Counting;
  candidate: Counting;
  mirrorShare: number;
  compared: number;
  disagreed: number;
  mirrorFailed: number;
  mirrorLatencies: number[];
}

export function newSplit(share: number, mirrorShare: number): Split {
  const none = (): Counting => ({ requests: 0, failures: 0, latencies: latencyBoundsMs.map(() => 0).concat(0) });
  return {
    share,
    stable: none(),
    candidate: none(),
    mirrorShare,
    compared: 0,
    disagreed: 0,
    mirrorFailed: 0,
    mirrorLatencies: none().latencies,
  } satisfies Phase;
}

/** One request to a service whose router splits as told; what comes of it is counted. Returns how long the user waited, in milliseconds. */
export function oneRequest(split: Split, stable: Behaviour, candidate: Behaviour, random: () => number): number {
  const toCandidate = random() < split.share;
  const [seen, behaviour] = toCandidate ? [split.candidate, candidate] : [split.stable, stable];
  seen.requests++;
  if (random() < behaviour.failing) seen.failures++;
  const tookMs = latencyOf(behaviour, random);
  count(seen.latencies, tookMs);
  if (!toCandidate && random() < split.mirrorShare) {
    if (random() < candidate.failing) split.mirrorFailed++;
    else {
      split.compared++;
      if (random() < candidate.disagreeing) split.disagreed++;
      count(split.mirrorLatencies, latencyOf(candidate, random));
    }
  }
  return tookMs;
}

/** Log-normal, as latencies are: a tenth takes 1.7 times the median and more. */
function latencyOf({ medianMs }: Behaviour, random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return medianMs * Math.exp(0.4 * normal);
}

function count(latencies: number[], tookMs: number): void {
  const at = latencyBoundsMs.findIndex((bound) => tookMs <= bound);
  const bucket = at < 0 ? latencyBoundsMs.length : at;
  latencies[bucket] = (latencies[bucket] ?? 0) + 1;
}
