import { join } from 'node:path';
import { type Artifact, failure, type StageContext } from '../../core/index.ts';
import {
  type OpenModel,
  openModel,
  type Processing,
  postprocess,
  preprocess,
  type Tensor,
  type TensorSpec,
} from '../../core/serve/index.ts';
import type { OnnxModel } from '../kinds.ts';
import { rowsOf } from '../lib/npy.ts';
import { chooseOutput, joinRows, type Latency, type Prediction } from './prediction.ts';
import { type DataRows, matchInputs } from './rows.ts';

export interface PredictRequest {
  readonly data: DataRows;
  /** Rows in one run, where the model leaves it open. */
  readonly batch: number;
  readonly latencySamples: number;
  readonly output: string | undefined;
}

const warmUpRuns = 10;
/** A slow model is not timed longer than this, once it has been timed often enough for a median. */
const longestTimingMs = 15_000;
const fewestSamples = 20;

/** Run every row through the serving runtime, with the processing that serving uses. MF3105 when data and model do not fit. */
export async function predictOnnx(
  ctx: Pick<StageContext, 'signal' | 'log'>,
  model: Artifact<typeof OnnxModel>,
  request: PredictRequest,
): Promise<Prediction> {
  const { processing } = model.facts;
  const opened = await openModel(join(model.path, model.facts.model)).catch((cause: unknown) => {
    throw failure('MF3101', messageOf(cause), { cause });
  });
  try {
    const outputName = chooseOutput(
      opened.signature.outputs.map(({ name }) => name),
      request.output,
    );
    const run: Runner = { opened, processing, outputName, match: matchInputs(request.data.names, opened.signature.inputs) };
    const fixed = opened.signature.inputs.map(({ shape }) => shape[0]).find((size): size is number => typeof size === 'number');
    const batch = fixed ?? request.batch;
    const output = await predictAll(ctx, run, request.data, { batch, isFixed: fixed !== undefined });
    const latency = await timeRows(ctx, run, request, fixed ?? 1);
    return { outputName, output, latency };
  } finally {
    await opened.close();
  }
}

interface Runner {
  readonly opened: OpenModel;
  readonly processing: Processing;
  readonly outputName: string;
  readonly match: ReadonlyMap<string, string>;
}

interface Batches {
  readonly batch: number;
  readonly isFixed: boolean;
}

async function predictAll(
  ctx: Pick<StageContext, 'signal' | 'log'>,
  run: Runner,
  data: DataRows,
  { batch, isFixed }: Batches,
): Promise<Tensor> {
  const pieces: Tensor[] = [];
  for (let from = 0; from < data.rows; from += batch) {
    ctx.signal.throwIfAborted();
    const to = Math.min(from + batch, data.rows);
    const inputs = await prepare(run, data, from, to, isFixed ? batch : to - from);
    const answer = await answerOf(run, inputs);
    const wanted = isFixed ? batch : to - from;
    if (answer.shape[0] !== wanted)
      throw failure(
        'MF3105',
        `Output ${run.outputName} has shape (${answer.shape.join(', ')}) for ${wanted} rows: its first dimension is not the rows`,
        {
          hint: 'Choose the output to measure with `output`.',
        },
      );
    pieces.push(rowsOf(postprocess(run.processing, answer), 0, to - from));
    ctx.log.progress(to / data.rows, `${to} of ${data.rows} rows`);
  }
  return joinRows(pieces);
}

/** Model-ready tensors for some rows; a model that takes a fixed number gets the last row again until it is full. */
async function prepare(run: Runner, data: DataRows, from: number, to: number, size: number): Promise<Readonly<Record<string, Tensor>>> {
  const inputs: [string, Tensor][] = [];
  for (const spec of run.opened.signature.inputs) {
    const raw = await data.read(run.match.get(spec.name) ?? '', from, to);
    inputs.push([spec.name, prepareInput(run.processing, spec, filled(raw, size))]);
  }
  return Object.fromEntries(inputs);
}

function prepareInput(processing: Processing, spec: TensorSpec, raw: Tensor): Tensor {
  try {
    return preprocess(processing, spec, raw);
  } catch (cause) {
    throw failure('MF3105', `Input ${spec.name}: ${messageOf(cause)}`, {
      hint: 'Change the data, or the `processing` that is declared for the model.',
      cause,
    });
  }
}

/** The rows, and the last one again until there are `size`: for a model that takes a fixed number. */
export function filled(raw: Tensor, size: number): Tensor {
  const rows = raw.shape[0] ?? 0;
  if (rows >= size) return raw;
  const last = rowsOf(raw, rows - 1, rows);
  return joinRows([raw, ...Array.from({ length: size - rows }, () => last)]);
}

async function answerOf(run: Runner, inputs: Readonly<Record<string, Tensor>>): Promise<Tensor> {
  const outputs = await run.opened.run(inputs).catch((cause: unknown) => {
    const given = Object.entries(inputs).map(([name, { dtype, shape }]) => `${name}: ${dtype} (${shape.join(', ')})`);
    throw failure('MF3105', `The model refused the rows: ${messageOf(cause)}`, { detail: given, cause });
  });
  const output = outputs[run.outputName];
  if (!output) throw new Error(`the runtime gave no output ${run.outputName}`);
  return output;
}

async function timeRows(
  ctx: Pick<StageContext, 'signal' | 'log'>,
  run: Runner,
  request: PredictRequest,
  rowsPerRun: number,
): Promise<Latency> {
  const { data, latencySamples } = request;
  const samplesMs: number[] = [];
  const begun = performance.now();
  for (let sample = -warmUpRuns; sample < latencySamples; sample++) {
    ctx.signal.throwIfAborted();
    const from = ((sample + warmUpRuns) * rowsPerRun) % data.rows;
    const inputs = await prepare(run, data, from, Math.min(from + rowsPerRun, data.rows), rowsPerRun);
    const start = performance.now();
    await answerOf(run, inputs);
    if (sample >= 0) samplesMs.push(performance.now() - start);
    if (samplesMs.length >= fewestSamples && performance.now() - begun > longestTimingMs) break;
  }
  return { samplesMs, rowsPerRun };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
