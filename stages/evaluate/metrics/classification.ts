import { type ClassCounts, presentClasses } from './class-counts.ts';
import { sumOf } from './sum.ts';

/** What a ratio is worth whose denominator is 0; NaN leaves the class out of averages. scikit-learn's default is 0. */
export type ZeroDivision = 0 | 1 | typeof Number.NaN;

export interface PrecisionRecallF1 {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Share of rows whose predicted class is the true one. */
export function accuracy(counts: ClassCounts): number {
  return total(counts.correct) / counts.rows;
}

/** Precision TP/(TP+FP), recall TP/(TP+FN) and F1 2TP/(2TP+FP+FN) of one class against all others. */
export function ofClass(counts: ClassCounts, index: number, zeroDivision: ZeroDivision = 0): PrecisionRecallF1 {
  const correct = counts.correct[index] ?? 0;
  return ratios(correct, counts.predicted[index] ?? 0, counts.actual[index] ?? 0, zeroDivision);
}

/** The binary metrics of scikit-learn: those of the positive class, by default the second. */
export function binary(counts: ClassCounts, positive = 1, zeroDivision: ZeroDivision = 0): PrecisionRecallF1 {
  return ofClass(counts, positive, zeroDivision);
}

/** Over the counts of all classes together. With every class taken part, all three are the accuracy. */
export function micro(counts: ClassCounts, classes = presentClasses(counts), zeroDivision: ZeroDivision = 0): PrecisionRecallF1 {
  const over = (values: Float64Array) => classes.reduce((sum, index) => sum + (values[index] ?? 0), 0);
  return ratios(over(counts.correct), over(counts.predicted), over(counts.actual), zeroDivision);
}

/** The plain mean over the classes that occur in the truth or the predictions, or over those given. */
export function macro(counts: ClassCounts, classes = presentClasses(counts), zeroDivision: ZeroDivision = 0): PrecisionRecallF1 {
  return mean(counts, classes, zeroDivision, () => 1);
}

/** The mean over classes, each with the number of its true rows as weight. */
export function weighted(counts: ClassCounts, classes = presentClasses(counts), zeroDivision: ZeroDivision = 0): PrecisionRecallF1 {
  return mean(counts, classes, zeroDivision, (index) => counts.actual[index] ?? 0);
}

/** The mean recall of the classes that occur in the truth. */
export function balancedAccuracy(counts: ClassCounts): number {
  const inTruth = presentClasses(counts).filter((index) => (counts.actual[index] ?? 0) > 0);
  return sumOf(inTruth.length, (at) => ofClass(counts, inTruth[at] ?? 0).recall) / inTruth.length;
}

/** Matthews correlation for any number of classes (Gorodkin 2004): −1…1; 0 when the truth or the prediction is constant. */
export function matthewsCorrelation(counts: ClassCounts): number {
  const { rows, actual, predicted } = counts;
  const dot = (a: Float64Array, b: Float64Array) => sumOf(a.length, (index) => (a[index] ?? 0) * (b[index] ?? 0));
  const both = total(counts.correct) * rows - dot(actual, predicted);
  const spread = (rows * rows - dot(predicted, predicted)) * (rows * rows - dot(actual, actual));
  return spread === 0 ? 0 : both / Math.sqrt(spread);
}

function ratios(correct: number, predicted: number, actual: number, zeroDivision: ZeroDivision): PrecisionRecallF1 {
  const over = (top: number, bottom: number) => (bottom === 0 ? zeroDivision : top / bottom);
  return { precision: over(correct, predicted), recall: over(correct, actual), f1: over(2 * correct, predicted + actual) };
}

function mean(
  counts: ClassCounts,
  classes: readonly number[],
  zeroDivision: ZeroDivision,
  weightOf: (index: number) => number,
): PrecisionRecallF1 {
  const each = classes.map((index) => ({ ...ofClass(counts, index, zeroDivision), weight: weightOf(index) }));
  const of = (metric: keyof PrecisionRecallF1) => {
    const defined = each.filter((one) => !Number.isNaN(one[metric]));
    // All weights 0: scikit-learn falls back to the plain mean.
    const weights = defined.some((one) => one.weight > 0) ? defined.map((one) => one.weight) : defined.map(() => 1);
    const weight = sumOf(weights.length, (at) => weights[at] ?? 0);
    return sumOf(defined.length, (at) => (defined[at]?.[metric] ?? 0) * (weights[at] ?? 0)) / weight;
  };
  return { precision: of('precision'), recall: of('recall'), f1: of('f1') };
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
