export { type ClassCounts, confusionMatrix, countClasses, presentClasses } from './class-counts.ts';
export {
  accuracy,
  balancedAccuracy,
  binary,
  macro,
  matthewsCorrelation,
  micro,
  ofClass,
  type PrecisionRecallF1,
  weighted,
  type ZeroDivision,
} from './classification.ts';
export { type CalibrationBin, calibrationBins, calibrationError, epsilons, logLoss, twoColumns } from './probability.ts';
export { averagePrecision, averagePrecisionOneVsRest, rocAuc, rocAucOneVsRest, topKAccuracy } from './ranking.ts';
export { halfSumOfSquares, meanAbsoluteError, meanSquaredError, r2 } from './regression.ts';
export { bestClass, type Scores } from './scores.ts';
