import type { Processing, Tensor } from '../../core/serve/index.ts';
import * as metrics from './metrics/index.ts';
import type { Judged } from './truth.ts';

/** Every metric of the task by the name of its fact; NaN where it is not defined. */
export type MetricValues = Readonly<Record<string, number>>;

export interface Measured {
  readonly values: MetricValues;
  /** Why a metric is not there, or what must be known to read one. */
  readonly notes: readonly string[];
  readonly perClass?: readonly ClassRow[];
  /** Rows are the truth, columns the prediction, both in the order of `perClass`. */
  readonly confusion?: readonly (readonly number[])[];
  readonly calibration?: readonly metrics.CalibrationBin[];
}

export interface ClassRow {
  readonly index: number;
  readonly name: string;
  /** Rows of which it is the truth. */
  readonly support: number;
  readonly predicted: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** A confusion matrix of more classes than this is left out of the report: nobody reads it, and it grows with the square. */
const mostConfusedClasses = 500;

/** All metrics of the task. `dtype` is that of the model's output: it decides how near to 0 a probability may come in the log-loss. */
export function measure(judged: Judged, dtype: Tensor['dtype'], processing: Processing): Measured {
  switch (judged.task) {
    case 'regression':
      return measureRegression(judged);
    case 'binary':
      return measureBinary(judged, epsilonOf(dtype), processing);
    case 'multiclass':
      return measureMulticlass(judged, epsilonOf(dtype), processing);
  }
}

function epsilonOf(dtype: Tensor['dtype']): number {
  return dtype === 'float64' || dtype === 'float16' ? metrics.epsilons[dtype] : metrics.epsilons.float32;
}

function measureRegression({ actual, predicted, outputs }: Extract<Judged, { task: 'regression' }>): Measured {
  const r2 = metrics.r2(actual, predicted, outputs);
  return {
    values: {
      meanSquaredError: metrics.meanSquaredError(actual, predicted),
      halfSumOfSquares: metrics.halfSumOfSquares(actual, predicted),
      meanAbsoluteError: metrics.meanAbsoluteError(actual, predicted),
      r2,
    },
    notes: Number.isNaN(r2) ? ['r2 is not defined for a single row'] : [],
  };
}

function measureBinary(judged: Extract<Judged, { task: 'binary' }>, epsilon: number, processing: Processing): Measured {
  const { actual, scores, names } = judged;
  const isProbability = scores !== undefined && areProbabilities(scores);
  // A score that is no probability is a logit, and a logit of 0 is a probability of one half.
  const threshold = isProbability ? 0.5 : 0;
  const predicted = judged.predicted ?? Int32Array.from(scores ?? [], (score) => (score > threshold ? 1 : 0));
  const counts = metrics.countClasses(actual, predicted, 2);
  const notes = [`the positive class is ${names[1]}`];
  if (judged.predicted === undefined) notes.push(`a row is ${names[1]} when its score is above ${threshold}`);
  const ranking = scores && { rocAuc: metrics.rocAuc(actual, scores), prAuc: metrics.averagePrecision(actual, scores) };
  if (ranking && Number.isNaN(ranking.rocAuc)) notes.push('rocAuc is not defined: only one class occurs in the labels');
  const columns = scores && isProbability ? metrics.twoColumns(clipped(scores)) : undefined;
  return {
    values: { ...metrics.binary(counts), ...overClasses(counts), ...ranking, ...probabilistic(actual, columns, epsilon) },
    notes: [...notes, ...notesOnScores(scores, isProbability, processing), ...notesOnCounts(counts, names)],
    ...tables(counts, names, actual, predicted),
    ...(columns ? { calibration: metrics.calibrationBins(actual, columns) } : {}),
  };
}

function measureMulticlass(judged: Extract<Judged, { task: 'multiclass' }>, epsilon: number, processing: Processing): Measured {
  const { actual, names } = judged;
  const scores = judged.scores && { values: judged.scores, classes: names.length };
  const predicted = judged.predicted ?? Int32Array.from(actual, (_, row) => (scores ? metrics.bestClass(scores, row) : 0));
  const counts = metrics.countClasses(actual, predicted, names.length);
  const isProbability = scores !== undefined && areProbabilities(scores.values);
  const columns = scores && isProbability ? { ...scores, values: clipped(scores.values) } : undefined;
  const ranking = scores && rankingOf(actual, scores);
  const absent = names.filter((_, index) => counts.actual[index] === 0);
  const notes = [...notesOnScores(scores?.values, isProbability, processing), ...notesOnCounts(counts, names)];
  if (scores && absent.length > 0) notes.push(`rocAuc and prAuc are not defined: no label is ${absent.slice(0, 10).join(', ')}`);
  if (columns && !sumsToOne(columns)) notes.push('the scores of a row do not sum to 1; logLoss is taken of them as they are');
  return {
    values: { ...overClasses(counts), ...ranking, ...probabilistic(actual, columns, epsilon) },
    notes,
    ...tables(counts, names, actual, predicted),
    ...(columns ? { calibration: metrics.calibrationBins(actual, columns) } : {}),
  };
}

function rankingOf(actual: Int32Array, scores: metrics.Scores): MetricValues {
  return {
    rocAuc: metrics.rocAucOneVsRest(actual, scores),
    prAuc: metrics.averagePrecisionOneVsRest(actual, scores),
    ...(scores.classes > 3 ? { top3Accuracy: metrics.topKAccuracy(actual, scores, 3) } : {}),
    ...(scores.classes > 5 ? { top5Accuracy: metrics.topKAccuracy(actual, scores, 5) } : {}),
  };
}

function overClasses(counts: metrics.ClassCounts): MetricValues {
  const [macro, micro, weighted] = [metrics.macro(counts), metrics.micro(counts), metrics.weighted(counts)];
  return {
    accuracy: metrics.accuracy(counts),
    balancedAccuracy: metrics.balancedAccuracy(counts),
    matthewsCorrelation: metrics.matthewsCorrelation(counts),
    precisionMacro: macro.precision,
    recallMacro: macro.recall,
    f1Macro: macro.f1,
    precisionMicro: micro.precision,
    recallMicro: micro.recall,
    f1Micro: micro.f1,
    precisionWeighted: weighted.precision,
    recallWeighted: weighted.recall,
    f1Weighted: weighted.f1,
  };
}

function probabilistic(actual: Int32Array, columns: metrics.Scores | undefined, epsilon: number): MetricValues {
  if (!columns) return {};
  return { logLoss: metrics.logLoss(actual, columns, epsilon), calibrationError: metrics.calibrationError(actual, columns) };
}

function tables(
  counts: metrics.ClassCounts,
  names: readonly string[],
  actual: Int32Array,
  predicted: Int32Array,
): Pick<Measured, 'perClass' | 'confusion'> {
  const perClass = names.map((name, index) => ({
    index,
    name,
    support: counts.actual[index] ?? 0,
    predicted: counts.predicted[index] ?? 0,
    ...metrics.ofClass(counts, index),
  }));
  if (names.length > mostConfusedClasses) return { perClass };
  const matrix = metrics.confusionMatrix(actual, predicted, names.length);
  return { perClass, confusion: names.map((_, row) => [...matrix.subarray(row * names.length, (row + 1) * names.length)]) };
}

/** Quantized outputs may stand a step outside 0…1. */
const slack = 0.01;

function areProbabilities(values: ArrayLike<number>): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? Number.NaN;
    if (!(value >= -slack && value <= 1 + slack)) return false;
  }
  return true;
}

function clipped(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values, (value) => Math.min(Math.max(value, 0), 1));
}

function sumsToOne({ values, classes }: metrics.Scores): boolean {
  for (let start = 0; start < values.length; start += classes) {
    let sum = 0;
    for (let index = start; index < start + classes; index++) sum += values[index] ?? 0;
    if (Math.abs(sum - 1) > slack) return false;
  }
  return true;
}

function notesOnScores(scores: ArrayLike<number> | undefined, isProbability: boolean, processing: Processing): readonly string[] {
  if (scores === undefined) return ['the model gives classes and no scores: metrics of ranking and probability are left out'];
  if (isProbability) return [];
  const advice = processing.output.activation === 'none' ? '; declare `processing.output.activation` when they are logits' : '';
  return [`the scores are no probabilities (outside 0…1), so logLoss and calibrationError are left out${advice}`];
}

function notesOnCounts(counts: metrics.ClassCounts, names: readonly string[]): readonly string[] {
  const present = metrics.presentClasses(counts);
  const list = (of: readonly number[]) =>
    of
      .slice(0, 10)
      .map((index) => names[index])
      .join(', ');
  const never = present.filter((index) => counts.predicted[index] === 0);
  const stray = present.filter((index) => counts.actual[index] === 0);
  return [
    ...(never.length > 0 ? [`never predicted, so their precision counts as 0: ${list(never)}`] : []),
    ...(stray.length > 0 ? [`predicted but in no label, so their recall counts as 0: ${list(stray)}`] : []),
  ];
}
