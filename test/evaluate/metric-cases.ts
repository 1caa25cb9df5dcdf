import { type Random, randomFrom } from './random.ts';

export interface CountsCase {
  readonly kind: 'counts';
  readonly actual: readonly number[];
  readonly predicted: readonly number[];
  readonly classes: number;
  /** Classes to average over, instead of those that occur. */
  readonly labels?: readonly number[];
}

export interface ScoresCase {
  readonly kind: 'scores';
  readonly actual: readonly number[];
  /** A number per row (binary), or one per class. */
  readonly scores: readonly number[] | readonly (readonly number[])[];
  readonly dtype?: 'float64' | 'float32';
}

export interface RegressionCase {
  readonly kind: 'regression';
  readonly actual: readonly number[];
  readonly predicted: readonly number[];
  readonly outputs: number;
}

export type MetricCase = CountsCase | ScoresCase | RegressionCase;

/** Cases from a seed: sizes from 1 to some hundreds, ties, absent classes, good and bad models, large and small numbers. */
export function randomCases(count: number, seed: number): readonly MetricCase[] {
  const random = randomFrom(seed);
  const makers = [countsCase, binaryCase, multiclassCase, regressionCase];
  return Array.from({ length: count }, (_, index) => (makers[index % makers.length] ?? countsCase)(random));
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function countsCase(random: Random): CountsCase {
  const classes = random.whole(2, 12);
  const rows = random.whole(1, 300);
  const skill = random.next();
  const actual = times(rows, () => Math.floor(classes * random.next() ** (1 + 2 * random.next())));
  const predicted = actual.map((truth) => (random.next() < skill ? truth : random.whole(0, classes - 1)));
  const labels = random.next() < 0.3 ? { labels: times(classes, (index) => index) } : {};
  return { kind: 'counts', actual, predicted, classes, ...labels };
}

function binaryCase(random: Random): ScoresCase {
  const rows = random.whole(2, 400);
  const skill = 3 * random.next();
  const digits = random.whole(0, 2) === 0 ? 1 : 17;
  const share = random.next();
  const actual = times(rows, () => (random.next() < share ? 1 : 0));
  const scores = actual.map((truth) => round(1 / (1 + Math.exp(-skill * (truth - 0.5) - random.normal())), digits));
  return { kind: 'scores', actual, scores };
}

function multiclassCase(random: Random): ScoresCase {
  const classes = random.whole(3, 8);
  const rows = random.whole(1, 200);
  const skill = 4 * random.next();
  const float32 = random.next() < 0.3;
  const actual = times(rows, () => random.whole(0, classes - 1));
  const logits = random.next() < 0.2;
  const scores = actual.map((truth) => {
    const row = times(classes, (index) => random.normal() + (index === truth ? skill : 0));
    const values = logits ? row.map((value) => round(value, 1)) : softmax(row);
    return float32 ? values.map(Math.fround) : values;
  });
  return { kind: 'scores', actual, scores, dtype: float32 ? 'float32' : 'float64' };
}

function regressionCase(random: Random): RegressionCase {
  const outputs = random.whole(0, 2) === 0 ? random.whole(2, 4) : 1;
  const rows = random.whole(2, 300);
  const scale = 10 ** random.whole(-3, 6);
  const offset = random.whole(0, 2) === 0 ? 1000 * scale : 0;
  const actual = times(rows * outputs, () => offset + scale * random.normal());
  const predicted = actual.map((value) => value + scale * random.normal() * random.next());
  return { kind: 'regression', actual, predicted, outputs };
}

function softmax(logits: readonly number[]): number[] {
  const powers = logits.map(Math.exp);
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function round(value: number, digits: number): number {
  return digits > 15 ? value : Math.round(value * 10 ** digits) / 10 ** digits;
}

/** Where definitions differ if they differ anywhere. */
export const degenerateCases: readonly MetricCase[] = [
  // Nothing predicted positive, nothing truly positive, neither, all of one kind, one row.
  ...[
    [
      [0, 1, 1],
      [0, 0, 0],
    ],
    [
      [0, 0, 0],
      [0, 1, 1],
    ],
    [
      [0, 0],
      [0, 0],
    ],
    [
      [1, 1],
      [1, 1],
    ],
    [
      [1, 1],
      [0, 0],
    ],
    [[1], [1]],
    [[0], [1]],
  ].map(([actual = [], predicted = []]): CountsCase => ({ kind: 'counts', actual, predicted, classes: 2 })),
  { kind: 'counts', actual: [0, 1, 1], predicted: [0, 1, 2], classes: 3 },
  { kind: 'counts', actual: [0, 1, 2], predicted: [0, 0, 2], classes: 3 },
  { kind: 'counts', actual: [0, 1, 1], predicted: [0, 1, 2], classes: 4, labels: [0, 1, 2, 3] },
  { kind: 'counts', actual: [2, 2, 2], predicted: [1, 1, 0], classes: 5 },
  { kind: 'counts', actual: [0, 1, 2, 0, 1, 2], predicted: [0, 2, 1, 0, 0, 1], classes: 3 },
  // Ties, constant scores, one class only, perfect and reversed, scores outside 0…1, infinite neighbours of a tie.
  { kind: 'scores', actual: [0, 1, 0, 1], scores: [0.5, 0.5, 0.5, 0.5] },
  { kind: 'scores', actual: [0, 1, 0, 1, 1], scores: [0.1, 0.4, 0.4, 0.35, 0.8] },
  { kind: 'scores', actual: [0, 0, 0], scores: [0.1, 0.2, 0.3] },
  { kind: 'scores', actual: [1, 1, 1], scores: [0.1, 0.2, 0.3] },
  { kind: 'scores', actual: [0, 0, 1, 1], scores: [0, 0, 1, 1] },
  { kind: 'scores', actual: [1, 1, 0, 0], scores: [0, 0, 1, 1] },
  { kind: 'scores', actual: [0, 1, 1], scores: [-3, 5.5, -3] },
  { kind: 'scores', actual: [0, 1, 1], scores: [0, -0, 1e-300] },
  {
    kind: 'scores',
    actual: [0, 1],
    scores: [
      [1, 0],
      [1, 0],
    ],
  },
  {
    kind: 'scores',
    actual: [0, 1],
    scores: [
      [1, 0],
      [1, 0],
    ],
    dtype: 'float32',
  },
  // A class that never occurs; equal scores for all classes; rows that do not sum to 1; confidences on the edges of bins.
  {
    kind: 'scores',
    actual: [0, 1, 1],
    scores: [
      [0.5, 0.25, 0.25],
      [0.25, 0.5, 0.25],
      [0.5, 0.5, 0],
    ],
  },
  {
    kind: 'scores',
    actual: [0, 1, 2, 3],
    scores: [0, 1, 2, 3].map(() => [0.25, 0.25, 0.25, 0.25]),
  },
  {
    kind: 'scores',
    actual: [0, 1, 2],
    scores: [
      [0.9, 0.1, 0.1],
      [0.3, 0.9, 0.1],
      [0.2, 0.2, 0.9],
    ],
  },
  {
    kind: 'scores',
    actual: [0, 1, 2, 2, 1],
    scores: [
      [0.6, 0.2, 0.2],
      [0.4, 0.4, 0.2],
      [0, 0, 1],
      [0.2, 0.2, 0.6],
      [0.8, 0.1, 0.1],
    ],
  },
  // A constant truth, met and missed; one row; an output that is constant among others; nothing but zeros.
  { kind: 'regression', actual: [2, 2, 2], predicted: [2, 2, 2], outputs: 1 },
  { kind: 'regression', actual: [2, 2, 2], predicted: [2, 2, 3], outputs: 1 },
  { kind: 'regression', actual: [2], predicted: [3], outputs: 1 },
  { kind: 'regression', actual: [1, 5, 2, 5, 3, 5], predicted: [1, 5, 2, 6, 4, 5], outputs: 2 },
  { kind: 'regression', actual: [1, 5, 2, 5, 3, 5], predicted: [1, 5, 2, 5, 4, 5], outputs: 2 },
  { kind: 'regression', actual: [0, 0], predicted: [0, 0], outputs: 1 },
  { kind: 'regression', actual: [1e308, -1e308], predicted: [1e308, -1e308], outputs: 1 },
];
