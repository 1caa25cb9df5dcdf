import { classAt } from './class-counts.ts';
import { type Scores, scoreAt } from './scores.ts';
import { RunningSum, rowsIn, sumOf } from './sum.ts';

/**
 * Area under the ROC curve of a score for the positive class: the chance that a positive row scores above a negative one, ties counting ½.
 * `actual` is 1 for positive. NaN when only one class occurs. RangeError for no rows or a NaN score.
 */
export function rocAuc(actual: ArrayLike<number>, scores: ArrayLike<number>): number {
  const { positives, negatives } = split(actual, scores);
  if (positives.length === 0 || negatives.length === 0) return Number.NaN;
  let twiceArea = 0;
  let hitsBefore = 0;
  let alarmsBefore = 0;
  for (const { hits, alarms } of thresholds(positives, negatives)) {
    twiceArea += (alarms - alarmsBefore) * (hits + hitsBefore);
    [hitsBefore, alarmsBefore] = [hits, alarms];
  }
  return twiceArea / (2 * positives.length * negatives.length);
}

/** The plain mean of the area under the ROC curve of each class against the rest. NaN when a class never occurs. */
export function rocAucOneVsRest(actual: ArrayLike<number>, scores: Scores): number {
  return meanOverClasses(actual, scores, rocAuc);
}

/**
 * Average precision Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores, which is no trapezoid. 0 when there are no positive rows.
 * `actual` is 1 for positive. RangeError for no rows or a NaN score.
 */
export function averagePrecision(actual: ArrayLike<number>, scores: ArrayLike<number>): number {
  const { positives, negatives } = split(actual, scores);
  if (positives.length === 0) return 0;
  const area = new RunningSum();
  let hitsBefore = 0;
  for (const { hits, alarms } of thresholds(positives, negatives)) {
    area.add(((hits - hitsBefore) / positives.length) * (hits / (hits + alarms)));
    hitsBefore = hits;
  }
  return area.value;
}

/** The plain mean of the average precision of each class against the rest. NaN when a class never occurs. */
export function averagePrecisionOneVsRest(actual: ArrayLike<number>, scores: Scores): number {
  return meanOverClasses(actual, scores, (one, column) => (hasPositive(one) ? averagePrecision(one, column) : Number.NaN));
}

/**
 * Share of rows whose true class is among the k best scores. Of equal scores the later class counts as better, as in scikit-learn.
 * With k at or above the number of classes it is 1 and says nothing.
 */
export function topKAccuracy(actual: ArrayLike<number>, scores: Scores, k: number): number {
  const rows = rowsIn(actual, scores.values, scores.classes);
  let hits = 0;
  for (let row = 0; row < rows; row++) {
    const truth = classAt(actual, row, scores.classes);
    const own = scoreAt(scores, row, truth);
    let better = 0;
    for (let index = 0; index < scores.classes; index++) {
      const other = scoreAt(scores, row, index);
      if (other > own || (other === own && index > truth)) better++;
    }
    if (better < k) hits++;
  }
  return hits / rows;
}

function meanOverClasses(actual: ArrayLike<number>, scores: Scores, metric: (one: Uint8Array, column: Float64Array) => number): number {
  const rows = rowsIn(actual, scores.values, scores.classes);
  const one = new Uint8Array(rows);
  const column = new Float64Array(rows);
  const ofClass = (index: number) => {
    for (let row = 0; row < rows; row++) {
      one[row] = classAt(actual, row, scores.classes) === index ? 1 : 0;
      column[row] = scoreAt(scores, row, index);
    }
    return metric(one, column);
  };
  return sumOf(scores.classes, ofClass) / scores.classes;
}

function hasPositive(one: Uint8Array): boolean {
  return one.includes(1);
}

/** Scores of the positive and of the negative rows, each ascending. */
function split(actual: ArrayLike<number>, scores: ArrayLike<number>): { positives: Float64Array; negatives: Float64Array } {
  const rows = rowsIn(actual, scores);
  const positives: number[] = [];
  const negatives: number[] = [];
  for (let row = 0; row < rows; row++) {
    const score = scores[row] ?? Number.NaN;
    if (Number.isNaN(score)) throw new RangeError(`the score of row ${row} is NaN`);
    (classAt(actual, row, 2) === 1 ? positives : negatives).push(score);
  }
  return { positives: Float64Array.from(positives).sort(), negatives: Float64Array.from(negatives).sort() };
}

/** For each distinct score, from the highest: how many positive rows (hits) and negative rows (false alarms) are at or above it. */
function* thresholds(positives: Float64Array, negatives: Float64Array): Generator<{ readonly hits: number; readonly alarms: number }> {
  let hits = 0;
  let alarms = 0;
  const next = (sorted: Float64Array, taken: number) => sorted[sorted.length - 1 - taken];
  while (hits < positives.length || alarms < negatives.length) {
    const threshold = Math.max(next(positives, hits) ?? Number.NEGATIVE_INFINITY, next(negatives, alarms) ?? Number.NEGATIVE_INFINITY);
    while (next(positives, hits) === threshold) hits++;
    while (next(negatives, alarms) === threshold) alarms++;
    yield { hits, alarms };
  }
}
