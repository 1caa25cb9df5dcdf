import { rowsIn } from './sum.ts';

/** How often each class is the truth, is predicted, and both. Index: class. Enough for every metric that is built on counts. */
export interface ClassCounts {
  readonly rows: number;
  readonly actual: Float64Array;
  readonly predicted: Float64Array;
  readonly correct: Float64Array;
}

/** Count classes, given as indexes 0…classes−1. Throws a RangeError for no rows or an index out of range. */
export function countClasses(actual: ArrayLike<number>, predicted: ArrayLike<number>, classes: number): ClassCounts {
  const rows = rowsIn(actual, predicted);
  const counts = { actual: new Float64Array(classes), predicted: new Float64Array(classes), correct: new Float64Array(classes) };
  for (let row = 0; row < rows; row++) {
    const truth = classAt(actual, row, classes);
    const guess = classAt(predicted, row, classes);
    bump(counts.actual, truth);
    bump(counts.predicted, guess);
    if (truth === guess) bump(counts.correct, truth);
  }
  return { rows, ...counts };
}

/** The classes that occur in the truth or in the predictions, ascending: those that scikit-learn averages over. */
export function presentClasses(counts: ClassCounts): readonly number[] {
  return [...counts.actual.keys()].filter((index) => (counts.actual[index] ?? 0) + (counts.predicted[index] ?? 0) > 0);
}

/** Rows are the truth, columns the prediction: element [t · classes + p]. Throws a RangeError for no rows or an index out of range. */
export function confusionMatrix(actual: ArrayLike<number>, predicted: ArrayLike<number>, classes: number): Float64Array {
  const rows = rowsIn(actual, predicted);
  const matrix = new Float64Array(classes * classes);
  for (let row = 0; row < rows; row++) bump(matrix, classAt(actual, row, classes) * classes + classAt(predicted, row, classes));
  return matrix;
}

function bump(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

export function classAt(values: ArrayLike<number>, row: number, classes: number): number {
  const value = values[row] ?? -1;
  if (!Number.isInteger(value) || value < 0 || value >= classes)
    throw new RangeError(`row ${row} has class ${value}; classes are 0 to ${classes - 1}`);
  return value;
}
