import { metrics } from 'modelflow/stages';
import { beforeAll, expect, test } from 'vitest';
import { type Answer, askScikitLearn } from './judge.ts';
import { type CountsCase, degenerateCases, type MetricCase, type RegressionCase, randomCases, type ScoresCase } from './metric-cases.ts';

const seed = 20_260_401;
const random = randomCases(400, seed);
const cases: readonly MetricCase[] = [...degenerateCases, ...random];
let answers: readonly Answer[] = [];

beforeAll(async () => {
  answers = await askScikitLearn(cases);
});

test('every metric was compared with scikit-learn in at least forty cases', () => {
  expect(answers).toHaveLength(cases.length);
  const compared = new Map<string, number>();
  for (const answer of answers)
    for (const [name, value] of Object.entries(answer)) if (value !== null) compared.set(name, (compared.get(name) ?? 0) + 1);
  const names = ['accuracy', 'balancedAccuracy', 'matthewsCorrelation', 'rocAuc', 'averagePrecision', 'logLoss', 'topK', 'confusion'];
  for (const name of [...names, 'calibrationError', 'meanSquaredError', 'meanAbsoluteError', 'halfSumOfSquares', 'r2', 'macro/nan'])
    expect(compared.get(name), name).toBeGreaterThan(40);
});

for (const [index, one] of degenerateCases.entries())
  test(`scikit-learn says the same of ${JSON.stringify(one)}`, () => expect(differences(one, answers[index])).toEqual([]));

test(`scikit-learn says the same of ${random.length} random cases made from seed ${seed}`, () => {
  const found = random.flatMap((one, index) => {
    const list = differences(one, answers[degenerateCases.length + index]);
    return list.length > 0 ? [{ case: index, kind: one.kind, list }] : [];
  });
  expect(found).toEqual([]);
});

/** `name: ours, theirs` for each value that is further off than rounding explains. */
function differences(one: MetricCase, theirs: Answer = {}): readonly string[] {
  const ours = answerTo(one);
  // scikit-learn takes logarithms of float32 in float32; modelflow widens first.
  const tolerance = one.kind === 'scores' && one.dtype === 'float32' ? 3e-6 : 1e-12;
  const values = Object.entries(theirs).flatMap(([name, value]) =>
    [value].flat().map((item, at) => ({ name, item, got: ours[name]?.[at] })),
  );
  return values.filter(({ item, got }) => !isClose(got, item, tolerance)).map(({ name, item, got }) => `${name}: ${got}, ${item}`);
}

function isClose(got: number | undefined, wanted: number | null, tolerance: number): boolean {
  if (got === undefined || wanted === null) return wanted === null && Number.isNaN(got);
  return Math.abs(got - wanted) <= tolerance * Math.max(Math.abs(wanted), 1e-3);
}

/** What modelflow says, under the names that the judge uses. */
function answerTo(one: MetricCase): Readonly<Record<string, readonly number[]>> {
  switch (one.kind) {
    case 'counts':
      return countsAnswer(one);
    case 'scores':
      return isBinary(one.scores) ? binaryAnswer(one.actual, one.scores) : multiclassAnswer(one, one.scores as readonly number[][]);
    case 'regression':
      return regressionAnswer(one);
  }
}

function isBinary(scores: ScoresCase['scores']): scores is readonly number[] {
  return typeof scores[0] === 'number';
}

function countsAnswer({ actual, predicted, classes, labels }: CountsCase): Readonly<Record<string, readonly number[]>> {
  const counts = metrics.countClasses(actual, predicted, classes);
  const over = labels ?? metrics.presentClasses(counts);
  const answer: Record<string, readonly number[]> = {
    accuracy: [metrics.accuracy(counts)],
    balancedAccuracy: [metrics.balancedAccuracy(counts)],
    matthewsCorrelation: [metrics.matthewsCorrelation(counts)],
    confusion: [...metrics.confusionMatrix(actual, predicted, classes)],
  };
  for (const zero of [0, 1, Number.NaN]) {
    const key = Number.isNaN(zero) ? 'nan' : String(zero);
    answer[`micro/${key}`] = three(metrics.micro(counts, over, zero));
    answer[`macro/${key}`] = three(metrics.macro(counts, over, zero));
    answer[`weighted/${key}`] = three(metrics.weighted(counts, over, zero));
    answer[`binary/${key}`] = three(metrics.binary(counts, 1, zero));
  }
  return answer;
}

function three({ precision, recall, f1 }: metrics.PrecisionRecallF1): readonly number[] {
  return [precision, recall, f1];
}

function binaryAnswer(actual: readonly number[], scores: readonly number[]): Readonly<Record<string, readonly number[]>> {
  const probabilities = scores.every((score) => score >= 0 && score <= 1);
  return {
    rocAuc: [metrics.rocAuc(actual, scores)],
    averagePrecision: [metrics.averagePrecision(actual, scores)],
    ...(probabilities ? probabilityAnswer(actual, metrics.twoColumns(scores), metrics.epsilons.float64) : {}),
  };
}

function multiclassAnswer(one: ScoresCase, rows: readonly number[][]): Readonly<Record<string, readonly number[]>> {
  const scores = { values: rows.flat(), classes: rows[0]?.length ?? 0 };
  const inner = Array.from({ length: scores.classes - 1 }, (_, index) => index + 1);
  const probabilities = scores.values.every((score) => score >= 0 && score <= 1);
  return {
    rocAuc: [metrics.rocAucOneVsRest(one.actual, scores)],
    averagePrecision: [metrics.averagePrecisionOneVsRest(one.actual, scores)],
    topK: inner.map((k) => metrics.topKAccuracy(one.actual, scores, k)),
    ...(probabilities ? probabilityAnswer(one.actual, scores, metrics.epsilons[one.dtype ?? 'float64']) : {}),
  };
}

function probabilityAnswer(
  actual: readonly number[],
  scores: metrics.Scores,
  epsilon: number,
): Readonly<Record<string, readonly number[]>> {
  return { logLoss: [metrics.logLoss(actual, scores, epsilon)], calibrationError: [metrics.calibrationError(actual, scores)] };
}

function regressionAnswer({ actual, predicted, outputs }: RegressionCase): Readonly<Record<string, readonly number[]>> {
  return {
    meanSquaredError: [metrics.meanSquaredError(actual, predicted)],
    meanAbsoluteError: [metrics.meanAbsoluteError(actual, predicted)],
    halfSumOfSquares: [metrics.halfSumOfSquares(actual, predicted)],
    r2: [metrics.r2(actual, predicted, outputs)],
  };
}
