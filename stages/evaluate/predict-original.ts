import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, type StageContext } from '../../core/index.ts';
import { type Processing, postprocess, preprocess, type Tensor } from '../../core/serve/index.ts';
import { type OriginalModel, predictOriginal } from '../export/original.ts';
import { readNpy, writeNpy, writeNpyRows } from '../lib/npy.ts';
import type { PredictRequest } from './predict-onnx.ts';
import { chooseOutput, type Prediction } from './prediction.ts';
import type { DataRows } from './rows.ts';

/** Run every row through the framework that the model came from, on inputs that went through the same processing as for serving. */
export async function predictFramework(
  ctx: Pick<StageContext, 'signal' | 'log' | 'python'>,
  model: OriginalModel,
  request: PredictRequest & { /** A folder to work in; nothing is left there. */ readonly scratch: string },
): Promise<Prediction> {
  const scratch = await mkdtemp(join(request.scratch, '.rows-'));
  try {
    const { processing } = model.facts;
    const inputs: Record<string, string> = {};
    for (const [index, name] of request.data.names.entries()) {
      const path = join(scratch, `input-${index}.npy`);
      await writeProcessed(ctx, request.data, { name, path, processing, batch: request.batch });
      inputs[request.data.names.length === 1 ? '' : name] = path;
    }
    const outputs = await mkdtemp(join(scratch, 'outputs-'));
    const answer = await predictOriginal(ctx, model, { inputs, out: outputs, latencySamples: request.latencySamples });
    const outputName = chooseOutput(
      answer.outputs.map(({ name }) => name),
      request.output,
    );
    const file = answer.outputs.find(({ name }) => name === outputName)?.file ?? '';
    const output = postprocess(processing, await readNpy(file));
    if (output.shape[0] !== request.data.rows)
      throw failure('MF3105', `Output ${outputName} has shape (${output.shape.join(', ')}) for ${request.data.rows} rows`);
    const batch = answer.signature.inputs.map(({ shape }) => shape[0]).find((size) => typeof size === 'number') ?? 1;
    return { outputName, output, latency: { samplesMs: answer.latenciesMs, rowsPerRun: batch } };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Processed {
  readonly name: string;
  readonly path: string;
  readonly processing: Processing;
  readonly batch: number;
}

/** Shape and dtype of the input are known in Python only: values are processed here, in full precision, and fitted there. */
async function writeProcessed(
  ctx: Pick<StageContext, 'signal'>,
  data: DataRows,
  { name, path, processing, batch }: Processed,
): Promise<void> {
  const process = (raw: Tensor): Tensor => preprocess(processing, { name, dtype: processedType(processing, raw), shape: [] }, raw);
  const first = process(await data.read(name, 0, 1));
  if (first.dtype === 'string') return await writeNpy(path, process(await data.read(name, 0, data.rows)));
  const batches = async function* () {
    for (let from = 0; from < data.rows; from += batch) {
      ctx.signal.throwIfAborted();
      yield process(await data.read(name, from, Math.min(from + batch, data.rows)));
    }
  };
  await writeNpyRows(path, first.dtype, [data.rows, ...first.shape.slice(1)], batches());
}

function processedType(processing: Processing, raw: Tensor): Tensor['dtype'] {
  const { scale, mean, std, layout } = processing.input;
  return [scale, mean, std, layout].every((step) => step === undefined) ? raw.dtype : 'float64';
}
