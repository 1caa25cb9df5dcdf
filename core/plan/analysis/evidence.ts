/**
 * Evidence that may be looked at after every request. Each function gives the logarithm of an e-value: under its hypothesis the e-value is at most 1
 * on average at whatever moment one stops, so that it reaches 1/α with a probability of at most α (Ville's inequality), however often one looks.
 * Likelihood ratios, mixed over alternatives that are fixed beforehand. Background: Ramdas et al., Game-theoretic statistics and safe anytime-valid
 * inference (2023); for counts of two versions: Lindon and Malek, Anytime-valid inference for multinomial count data (2022).
 */

/** Events of one stretch of time, in which every request was given to the candidate with the same probability. */
export interface Events {
  /** That probability. */
  readonly share: number;
  readonly candidate: number;
  readonly stable: number;
}

/** How many times as often the candidate might have an event as the stable release. */
const rateRatios = [1.25, 1.5, 2, 3, 5, 10, 30, 100, 1_000] as const;

/**
 * Against "the candidate has such events no more often than the stable release". Whose an event is would then be the candidate's with at most the
 * probability `share`, whatever the rate is and however it drifts: what both suffer from is evidence against neither.
 */
export function evidenceOfMoreEvents(stretches: readonly Events[]): number {
  return mixed(
    rateRatios.map((ratio) =>
      stretches.reduce(
        (sum, { share, candidate, stable }) => sum + candidate * Math.log(ratio) - (candidate + stable) * Math.log1p(share * (ratio - 1)),
        0,
      ),
    ),
  );
}

/** Where between the limit and 1 the probability might be. */
const between = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95] as const;

/** Against "the event has at most this probability". */
export function evidenceAbove(limit: number, events: number, trials: number): number {
  return mixed(between.map((part) => logRatio(limit, limit + (1 - limit) * part, events, trials)));
}

/** Which part of the limit the probability might be, and how much each is counted: nearly always nothing happens at all. */
const parts = [0, 0, 0, 0.1, 0.25, 0.5, 0.75] as const;

/** Against "the event has at least this probability". */
export function evidenceBelow(limit: number, events: number, trials: number): number {
  if (limit >= 1) return trials > 0 ? Number.POSITIVE_INFINITY : 0;
  return mixed(parts.map((part) => logRatio(limit, limit * part, events, trials)));
}

/** A probability that the event has at least, but for a chance of `alpha` that it is ever said wrongly. */
export function atLeastProbability(events: number, trials: number, alpha: number): number {
  let [low, high] = [0, events / Math.max(1, trials)];
  for (let round = 0; round < 40; round++) {
    const middle = (low + high) / 2;
    const multiples = [1.25, 1.5, 2, 4, 8].map((times) => Math.min(1 - 1e-9, middle * times));
    if (middle > 0 && mixed(multiples.map((each) => logRatio(middle, each, events, trials))) >= -Math.log(alpha)) low = middle;
    else if (middle === 0) return 0;
    else high = middle;
  }
  return low;
}

function logRatio(from: number, to: number, events: number, trials: number): number {
  const those = events === 0 ? 0 : events * (to === 0 ? Number.NEGATIVE_INFINITY : Math.log(to / from));
  return those + (trials - events) * (Math.log1p(-to) - Math.log1p(-from));
}

/** The logarithm of the mean of what these are logarithms of. */
export function mixed(logarithms: readonly number[]): number {
  const largest = Math.max(...logarithms);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log(logarithms.reduce((sum, each) => sum + Math.exp(each - largest), 0) / logarithms.length);
}
