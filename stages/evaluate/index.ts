import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artifact, defineStage, type StageContext, z } from '../../core/index.ts';
import { runtimeVersion } from '../../core/serve/index.ts';
import { type OriginalModel, predictCode } from '../export/original.ts';
import { Dataset, EvalReport, FrozenGraph, KerasModel, OnnxModel, SavedModel } from '../kinds.ts';
import { writeNpy } from '../lib/npy.ts';
import { measure } from './measure.ts';
import { type PredictRequest, predictOnnx } from './predict-onnx.ts';
import { predictFramework } from './predict-original.ts';
import type { Prediction } from './prediction.ts';
import { latencyFacts, reportOf } from './report.ts';
import { openRows, readLabels } from './rows.ts';
import { judge } from './truth.ts';

const options = {
  task: z
    .enum(['binary', 'multiclass', 'regression'])
    .optional()
    .describe('by default: float labels are regression, two classes with one output are binary, other classes multiclass'),
  batch: z.int().min(1).max(65_536).default(64).describe('rows in one run of the model, where the model leaves it open'),
  latencySamples: z.int().min(1).max(100_000).default(200).describe('how many single rows are timed'),
  output: z.string().min(1).optional().describe('the output to measure, when the model has several; the first by default'),
};

/**
 * What a model is worth on labelled data: metrics by scikit-learn's definitions, size, and latency of one row on one thread.
 * Leaves `report.json` (everything measured) and `predictions.npy` (the output after post-processing). An ONNX model runs in the serving
 * runtime, any other in the framework it came from, both with the processing that is declared for the model.
 */
export const evaluate = defineStage({
  name: 'evaluate',
  version: 1,
  inputs: { model: [KerasModel, SavedModel, FrozenGraph, OnnxModel], data: Dataset },
  options,
  output: EvalReport,
  code: predictCode,
  tools: async () => ({ 'onnxruntime-node': runtimeVersion() }),
  async run({ inputs, options, out, signal, log, python }) {
    const { model, data } = inputs;
    const labels = await readLabels(data);
    const rows = await openRows(data);
    const { task, ...rest } = options;
    const prediction = await predict({ signal, log, python }, model, { ...rest, data: rows, output: options.output, scratch: out }).finally(
      rows.close,
    );
    const { output, outputName, latency } = prediction;
    await writeNpy(join(out, 'predictions.npy'), output);
    const { processing, sizeBytes } = model.facts;
    const judged = judge({ labels, output, outputName, processing, task });
    const measured = measure(judged, output.dtype, processing);
    const description = describe(model);
    const report = reportOf({ judged, measured, rows: data.facts.rows, model: description, sizeBytes, outputName, latency });
    await writeFile(join(out, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
    for (const note of measured.notes) log.info(note);
    const defined = Object.entries(measured.values).filter(([, value]) => Number.isFinite(value));
    return {
      task: judged.task,
      rows: data.facts.rows,
      model: description,
      sizeBytes,
      ...Object.fromEntries(defined),
      ...latencyFacts(latency),
    };
  },
});

type AnyModel = OriginalModel | Artifact<typeof OnnxModel>;

function predict(
  ctx: Pick<StageContext, 'signal' | 'log' | 'python'>,
  model: AnyModel,
  request: PredictRequest & { readonly scratch: string },
): Promise<Prediction> {
  return model.kind === 'onnx-model' ? predictOnnx(ctx, model, request) : predictFramework(ctx, model, request);
}

function describe(model: AnyModel): string {
  switch (model.kind) {
    case 'onnx-model':
      return `${model.kind}, ${model.facts.precision}`;
    case 'keras-model':
      return `${model.kind}, ${model.facts.format}`;
    case 'saved-model':
    case 'frozen-graph':
      return model.kind;
  }
}
