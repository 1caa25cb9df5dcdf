import { metrics } from 'modelflow/stages';
import { describe, expect, test } from 'vitest';

describe('numbers worked out by hand', () => {
  test('macro and weighted F1 count a class that occurs in predictions only', () => {
    const counts = metrics.countClasses([0, 1, 1], [0, 1, 2], 3);
    expect(metrics.macro(counts).f1).toBeCloseTo(5 / 9, 15);
    expect(metrics.weighted(counts).f1).toBeCloseTo(7 / 9, 15);
  });

  test('NaN leaves a class out of the average, 0 does not', () => {
    const counts = metrics.countClasses([0, 1, 2], [0, 0, 2], 3);
    expect(metrics.macro(counts).precision).toBe(0.5);
    expect(metrics.macro(counts, undefined, Number.NaN).precision).toBe(0.75);
  });

  test('precision, recall and F1 of six rows', () => {
    const counts = metrics.countClasses([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], 3);
    expect(metrics.micro(counts).f1).toBe(1 / 3);
    expect(metrics.macro(counts)).toEqual({ precision: 2 / 9, recall: 1 / 3, f1: 0.26666666666666666 });
  });

  test('ties count one half in the ROC area; one class has none', () => {
    expect(metrics.rocAuc([0, 1, 0, 1, 1], [0.1, 0.4, 0.4, 0.35, 0.8])).toBe(0.75);
    expect(metrics.rocAuc([0, 1, 0], [0.3, 0.3, 0.3])).toBe(0.5);
    expect(metrics.rocAuc([1, 1], [0.1, 0.2])).toBeNaN();
  });

  test('average precision is a step function, no trapezoid', () => {
    // Thresholds 0.8, 0.4, 0.35: recall ⅓ at precision 1, then ⅔ at ⅔, then 1 at ¾.
    expect(metrics.averagePrecision([0, 1, 0, 1, 1], [0.1, 0.4, 0.4, 0.35, 0.8])).toBeCloseTo((1 + 2 / 3 + 3 / 4) / 3, 15);
    expect(metrics.averagePrecision([0, 0], [0.1, 0.2])).toBe(0);
  });

  test('the log-loss clips with the epsilon of the dtype, at both ends', () => {
    const scores = { values: [1, 0, 1, 0], classes: 2 };
    expect(metrics.logLoss([0, 1], scores)).toBeCloseTo(18.021826694558577, 13);
    expect(metrics.logLoss([0, 1], scores, metrics.epsilons.float32)).toBeCloseTo(7.971192359924316, 6);
    expect(metrics.logLoss([0], { values: [1, 0], classes: 2 })).toBe(-Math.log(1 - 2 ** -52));
  });

  test('a confidence on the edge of two bins belongs to the lower', () => {
    // 12 · (1/15) is an edge. In the lower bin it is alone and right, in the upper one it would balance the wrong one.
    const edge = 12 * (1 / 15);
    const bins = metrics.calibrationBins([1, 0], metrics.twoColumns([edge, edge + 0.01]));
    expect(bins.map((bin) => bin.rows)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0]);
    expect(metrics.calibrationError([1, 0], metrics.twoColumns([edge, edge + 0.01]))).toBeCloseTo((1 - edge + edge + 0.01) / 2, 14);
  });

  test('a sum keeps what rounding would lose', () => {
    expect(metrics.halfSumOfSquares([1e8, 1, 1, 1, 1], [0, 0, 0, 0, 0])).toBe((1e16 + 4) / 2);
    const many = new Float64Array(1_000_000).fill(0.1);
    expect(metrics.meanAbsoluteError(many, new Float64Array(1_000_000))).toBe(0.1);
  });

  test('a constant truth: 1 when it is met, 0 when not, whatever rounding does to its mean', () => {
    expect(metrics.r2([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])).toBe(1);
    expect(metrics.r2([0.1, 0.1, 0.1], [0.1, 0.1, 0.2])).toBe(0);
    expect(metrics.r2([3], [3])).toBeNaN();
  });
});

describe('what no metric takes', () => {
  test.each<[string, () => number]>([
    ['accuracy of nothing', () => metrics.accuracy(metrics.countClasses([], [], 2))],
    ['the ROC area of nothing', () => metrics.rocAuc([], [])],
    ['the log-loss of nothing', () => metrics.logLoss([], { values: [], classes: 2 })],
    ['the squared error of nothing', () => metrics.meanSquaredError([], [])],
    ['lists of different lengths', () => metrics.meanAbsoluteError([1, 2], [1])],
    ['a class out of range', () => metrics.accuracy(metrics.countClasses([2], [0], 2))],
    ['a class that is no whole number', () => metrics.accuracy(metrics.countClasses([0.5], [0], 2))],
    ['a NaN score', () => metrics.rocAuc([0, 1], [Number.NaN, 1])],
    ['a probability above 1', () => metrics.logLoss([0], { values: [1.5, 0], classes: 2 })],
    ['rows that do not divide into outputs', () => metrics.r2([1, 2, 3], [1, 2, 3], 2)],
  ])('%s', (_, act) => {
    expect(act).toThrow(RangeError);
  });
});
