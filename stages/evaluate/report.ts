import type { Measured } from './measure.ts';
import { type Latency, percentile } from './prediction.ts';
import type { Judged } from './truth.ts';

export interface ReportRequest {
  readonly judged: Judged;
  readonly measured: Measured;
  readonly rows: number;
  readonly model: string;
  readonly sizeBytes: number;
  readonly outputName: string;
  readonly latency: Latency;
}

/** `report.json`: all metrics (null: not defined), what to know about them, a row per class, the confusion matrix, latency. */
export function reportOf({ judged, measured, latency, ...rest }: ReportRequest): Readonly<Record<string, unknown>> {
  return {
    format: 1,
    task: judged.task,
    rows: rest.rows,
    model: rest.model,
    sizeBytes: rest.sizeBytes,
    output: rest.outputName,
    metrics: measured.values,
    notes: measured.notes,
    ...(measured.perClass ? { classes: measured.perClass } : {}),
    ...(measured.confusion && judged.task !== 'regression'
      ? { confusionMatrix: { rows: 'truth', columns: 'prediction', labels: judged.names, counts: measured.confusion } }
      : {}),
    ...(measured.calibration ? { calibration: { definition: calibrationDefinition, bins: measured.calibration } } : {}),
    latency: latencyOf(latency),
  };
}

const calibrationDefinition =
  'top-label, 15 bins of equal width, each open on the left: sum of rows in bin / rows · |accuracy − mean confidence|';

/** The facts of the latency. */
export function latencyFacts({ samplesMs }: Latency): { readonly latencyP50Ms: number; readonly latencyP99Ms: number } {
  return { latencyP50Ms: percentile(samplesMs, 0.5), latencyP99Ms: percentile(samplesMs, 0.99) };
}

function latencyOf({ samplesMs, rowsPerRun }: Latency): Readonly<Record<string, number>> {
  const sum = samplesMs.reduce((total, sample) => total + sample, 0);
  return {
    samples: samplesMs.length,
    rowsPerRun,
    threads: 1,
    meanMs: samplesMs.length === 0 ? 0 : sum / samplesMs.length,
    minMs: percentile(samplesMs, 0),
    p50Ms: percentile(samplesMs, 0.5),
    p90Ms: percentile(samplesMs, 0.9),
    p99Ms: percentile(samplesMs, 0.99),
    maxMs: percentile(samplesMs, 1),
  };
}
