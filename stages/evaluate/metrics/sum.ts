/**
 * A sum that keeps what rounding would lose (Neumaier's variant of Kahan's): the error does not grow with the number of terms.
 */
export class RunningSum {
  #sum = 0;
  #lost = 0;

  add(term: number): void {
    const next = this.#sum + term;
    // After an overflow the lost part would be NaN, and the sum is infinite anyway.
    if (Number.isFinite(next)) this.#lost += Math.abs(this.#sum) >= Math.abs(term) ? this.#sum - next + term : term - next + this.#sum;
    this.#sum = next;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}

/** Σ term(i) for i in 0…count−1, compensated. */
export function sumOf(count: number, term: (index: number) => number): number {
  const sum = new RunningSum();
  for (let index = 0; index < count; index++) sum.add(term(index));
  return sum.value;
}

/** Metrics of nothing are not zero: they do not exist. Throws a RangeError when the lengths differ or there are no rows. */
export function rowsIn(actual: ArrayLike<unknown>, predicted: ArrayLike<unknown>, perRow = 1): number {
  if (actual.length === 0) throw new RangeError('a metric needs at least one row');
  if (actual.length * perRow !== predicted.length)
    throw new RangeError(`${predicted.length} predicted values do not fit ${actual.length} rows of ${perRow}`);
  return actual.length;
}
