import { classAt } from './class-counts.ts';
import { bestClass, type Scores, scoreAt } from './scores.ts';
import { RunningSum, rowsIn, sumOf } from './sum.ts';

/** The distance from 1 to the next number of each dtype: how near to 0 and 1 a probability may come before its logarithm is taken. */
export const epsilons = { float64: 2 ** -52, float32: 2 ** -23, float16: 2 ** -10 } as const;

/**
 * Mean of −ln p(true class), p clipped to [ε, 1 − ε] with the ε of the dtype the probabilities came in; never renormalised.
 * Binary: give two columns, 1 − p and p. RangeError for a value outside [0, 1].
 */
export function logLoss(actual: ArrayLike<number>, scores: Scores, epsilon: number = epsilons.float64): number {
  const rows = rowsIn(actual, scores.values, scores.classes);
  for (let index = 0; index < scores.values.length; index++) {
    const value = scores.values[index] ?? Number.NaN;
    if (!(value >= 0 && value <= 1)) throw new RangeError(`a probability of ${value}`);
  }
  const loss = (row: number) => {
    const probability = scoreAt(scores, row, classAt(actual, row, scores.classes));
    return -Math.log(Math.min(Math.max(probability, epsilon), 1 - epsilon));
  };
  return sumOf(rows, loss) / rows;
}

/** Two columns for the probability of the positive class: of the negative, and of the positive. */
export function twoColumns(probabilities: ArrayLike<number>): Scores {
  const values = new Float64Array(probabilities.length * 2);
  for (let row = 0; row < probabilities.length; row++) {
    const positive = probabilities[row] ?? Number.NaN;
    values[row * 2] = 1 - positive;
    values[row * 2 + 1] = positive;
  }
  return { values, classes: 2 };
}

/** One bin of a reliability diagram: `from` excluded, `to` included (the first bin holds 0 too). */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** Means over the rows of the bin; NaN when it is empty. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** Rows by the confidence of the predicted class, in bins of equal width over 0…1. */
export function calibrationBins(actual: ArrayLike<number>, scores: Scores, bins = 15): readonly CalibrationBin[] {
  const rows = rowsIn(actual, scores.values, scores.classes);
  const edges = Array.from({ length: bins + 1 }, (_, index) => (index === bins ? 1 : index * (1 / bins)));
  const inner = edges.slice(1, -1);
  const filled = edges.slice(1).map(() => ({ rows: 0, correct: 0, confidence: new RunningSum() }));
  for (let row = 0; row < rows; row++) {
    const best = bestClass(scores, row);
    const confidence = scoreAt(scores, row, best);
    const bin = filled[inner.filter((edge) => edge < confidence).length];
    if (!bin) continue;
    bin.rows++;
    bin.confidence.add(confidence);
    if (best === classAt(actual, row, scores.classes)) bin.correct++;
  }
  return filled.map((bin, index) => ({
    from: edges[index] ?? 0,
    to: edges[index + 1] ?? 1,
    rows: bin.rows,
    confidence: bin.confidence.value / bin.rows,
    accuracy: bin.correct / bin.rows,
  }));
}

/**
 * Expected calibration error of the predicted class (top-label; Guo et al. 2017): Σ nᵦ/n · |accuracyᵦ − confidenceᵦ| over bins of equal width.
 */
export function calibrationError(actual: ArrayLike<number>, scores: Scores, bins = 15): number {
  const filled = calibrationBins(actual, scores, bins).filter((bin) => bin.rows > 0);
  const gap = (at: number) => {
    const bin = filled[at];
    return bin ? (bin.rows / actual.length) * Math.abs(bin.accuracy - bin.confidence) : 0;
  };
  return sumOf(filled.length, gap);
}
