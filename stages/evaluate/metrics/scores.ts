/** What a model says of each class, row after row: `values[row · classes + class]`. */
export interface Scores {
  readonly values: ArrayLike<number>;
  readonly classes: number;
}

/** The class of the largest score; of several, the first. */
export function bestClass(scores: Scores, row: number): number {
  let best = 0;
  for (let index = 1; index < scores.classes; index++) if (scoreAt(scores, row, index) > scoreAt(scores, row, best)) best = index;
  return best;
}

export function scoreAt(scores: Scores, row: number, index: number): number {
  return scores.values[row * scores.classes + index] ?? Number.NaN;
}
