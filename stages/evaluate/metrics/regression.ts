import { rowsIn, sumOf } from './sum.ts';

/** Mean of (y − ŷ)² over all elements. */
export function meanSquaredError(actual: ArrayLike<number>, predicted: ArrayLike<number>): number {
  return sumOfSquares(actual, predicted) / actual.length;
}

/** ½ · Σ (y − ŷ)² over all elements: the loss of least squares before any mean. */
export function halfSumOfSquares(actual: ArrayLike<number>, predicted: ArrayLike<number>): number {
  return sumOfSquares(actual, predicted) / 2;
}

/** Mean of |y − ŷ| over all elements. */
export function meanAbsoluteError(actual: ArrayLike<number>, predicted: ArrayLike<number>): number {
  const count = rowsIn(actual, predicted);
  return sumOf(count, (index) => Math.abs(difference(actual, predicted, index))) / count;
}

/**
 * R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)², the mean over outputs when a row has several (`outputs` values, row after row).
 * A constant truth gives 1 when it is predicted exactly, otherwise 0. NaN for a single row.
 */
export function r2(actual: ArrayLike<number>, predicted: ArrayLike<number>, outputs = 1): number {
  const count = rowsIn(actual, predicted);
  const rows = count / outputs;
  if (!Number.isInteger(rows)) throw new RangeError(`${count} values do not fill rows of ${outputs}`);
  if (rows < 2) return Number.NaN;
  return sumOf(outputs, (output) => r2OfOutput(actual, predicted, rows, (row) => row * outputs + output)) / outputs;
}

function r2OfOutput(actual: ArrayLike<number>, predicted: ArrayLike<number>, rows: number, at: (row: number) => number): number {
  const first = actual[at(0)] ?? 0;
  const mean = sumOf(rows, (row) => actual[at(row)] ?? 0) / rows;
  const residual = sumOf(rows, (row) => difference(actual, predicted, at(row)) ** 2);
  // A mean of equal values may be off by a rounding, so the spread alone does not tell whether they are equal.
  let isConstant = true;
  const spread = sumOf(rows, (row) => {
    const value = actual[at(row)] ?? 0;
    if (value !== first) isConstant = false;
    return (value - mean) ** 2;
  });
  if (residual === 0) return 1;
  return isConstant || spread === 0 ? 0 : 1 - residual / spread;
}

function sumOfSquares(actual: ArrayLike<number>, predicted: ArrayLike<number>): number {
  return sumOf(rowsIn(actual, predicted), (index) => difference(actual, predicted, index) ** 2);
}

function difference(actual: ArrayLike<number>, predicted: ArrayLike<number>, index: number): number {
  return (actual[index] ?? 0) - (predicted[index] ?? 0);
}
