import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Artifact,
  BridgeError,
  defineStage,
  failure,
  optional,
  type PythonEnvironment,
  type StageContext,
  z,
} from '../../core/index.ts';
import { ModelLoadError, openModel, runtimeVersion, type Signature, type Tensor, type Tensors } from '../../core/serve/index.ts';
import { filled } from '../evaluate/predict-onnx.ts';
import { Dataset, OnnxModel } from '../kinds.ts';
import { openNpy } from '../lib/npy.ts';
import { prepareRows } from '../lib/prepared-rows.ts';

/** onnxruntime's quantization tools, apart from TensorFlow: an ONNX model needs no TensorFlow to be quantized. */
const environment: PythonEnvironment = { name: 'onnx', lock: new URL('./onnx.lock', import.meta.url) };
const script = new URL('./quantize_bridge.py', import.meta.url);

const options = {
  scheme: z
    .enum(['static', 'dynamic'])
    .optional()
    .describe('static: activations by calibration, which is the default when there is calibration data; dynamic: ranges while it runs'),
  method: z.enum(['min-max', 'entropy', 'percentile']).default('min-max').describe('how calibration finds the range of an activation'),
  calibrationRows: z.int().positive().default(512).describe('at most so many rows, spread over the calibration data'),
  perChannel: z.boolean().default(true).describe('a scale for each channel of the weights'),
  reduceRange: z.boolean().default(false).describe('7-bit weights, for x86 processors without VNNI, which overflow with 8'),
};

/**
 * int8 weights (symmetric, see `symmetricQuantize`), and for the static scheme 8-bit activations with ranges found on calibration data.
 * Convolutions and matrix products are quantized, nothing else. The result has been loaded and run once.
 * MF1105 for the static scheme without calibration data, MF3105 when that does not fit the model, MF3107 when the tool refuses.
 */
export const quantize = defineStage({
  name: 'quantize',
  version: 1,
  inputs: { model: OnnxModel, calibration: optional(Dataset) },
  options,
  output: OnnxModel,
  code: [environment.lock, script, new URL('../lib/bridge.py', import.meta.url)],
  tools: async () => ({ 'onnxruntime-node': runtimeVersion() }),
  async run(ctx) {
    const { model, calibration } = ctx.inputs;
    const { scheme = calibration ? 'static' : 'dynamic' } = ctx.options;
    checkInputs(ctx, scheme);
    const folder = join(ctx.out, 'scratch');
    await mkdir(folder);
    try {
      const file = 'model.onnx';
      const prepared = scheme === 'static' && calibration ? await calibrationFiles(ctx, model, calibration, folder) : {};
      const reply = await callTool(ctx, { scheme, out: join(ctx.out, file), folder, calibration: prepared });
      if (scheme === 'dynamic' && reply.convolutions > 0)
        ctx.log.warn(
          `${reply.convolutions} convolutions stay float32: quantized dynamically they are slower. Give calibration data for static int8.`,
        );
      const signature = await tryOut(join(ctx.out, file), prepared);
      ctx.log.info(`${reply.quantized} weights are int8`);
      const { processing } = model.facts;
      const { size } = await stat(join(ctx.out, file));
      return { model: file, opset: reply.opset, precision: 'int8', signature, processing, sizeBytes: size };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

type QuantizeContext = Pick<StageContext, 'python' | 'log' | 'signal'> & {
  readonly inputs: { readonly model: Artifact<typeof OnnxModel>; readonly calibration?: Artifact<typeof Dataset> };
  readonly options: z.output<z.ZodObject<typeof options>>;
};

type Scheme = 'static' | 'dynamic';
/** Input of the model → .npy file of rows. */
type Files = Readonly<Record<string, string>>;

function checkInputs(ctx: QuantizeContext, scheme: Scheme): void {
  const { model, calibration } = ctx.inputs;
  if (model.facts.precision === 'int8') throw failure('MF3107', 'The model is int8 already', { hint: 'Quantize the float32 model.' });
  if (scheme === 'static' && !calibration)
    throw failure('MF1105', 'quantize: static quantization needs calibration data', {
      hint: 'Pass `calibration`, some hundred rows like those the model will meet, or choose `scheme: "dynamic"`.',
    });
  if (scheme === 'dynamic' && calibration) ctx.log.warn('calibration data is not used by the dynamic scheme');
}

async function calibrationFiles(
  ctx: QuantizeContext,
  model: Artifact<typeof OnnxModel>,
  data: Artifact<typeof Dataset>,
  folder: string,
): Promise<Files> {
  ctx.log.progress(0.02, 'prepare the calibration rows');
  const { signature, processing } = model.facts;
  const { rows, files } = await prepareRows(ctx, { data, signature, processing, rows: ctx.options.calibrationRows, folder });
  const fixed = fixedBatch(signature);
  if (fixed !== undefined && rows < fixed)
    throw failure('MF3105', `The model takes ${fixed} rows at a time, and the calibration data has ${rows}`);
  return files;
}

function fixedBatch(signature: Signature): number | undefined {
  return signature.inputs.map(({ shape }) => shape[0]).find((size) => typeof size === 'number');
}

const Reply = z.object({ opset: z.int(), quantized: z.int(), convolutions: z.int() });

async function callTool(
  ctx: QuantizeContext,
  wanted: { readonly scheme: Scheme; readonly out: string; readonly folder: string; readonly calibration: Files },
): Promise<z.infer<typeof Reply>> {
  const { model } = ctx.inputs;
  const { method, perChannel, reduceRange } = ctx.options;
  const request = {
    ...wanted,
    model: join(model.path, model.facts.model),
    fixedBatch: fixedBatch(model.facts.signature) ?? null,
    method,
    perChannel,
    reduceRange,
  };
  try {
    return Reply.parse(await ctx.python.call({ environment, script, request }));
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    const hint =
      error.kind === 'nothing-to-quantize'
        ? 'int8 helps models that are made of convolutions or matrix products; serve this one as it is.'
        : method === 'min-max'
          ? 'Try `perChannel: false` or the other scheme.'
          : 'Try `method: "min-max"`.';
    throw failure('MF3107', `The model could not be quantized: ${error.message}`, { hint, detail: error.detail, cause: error });
  }
}

/** A file that the tool wrote without complaint may still be refused by the runtime, at load or at the first run. */
async function tryOut(path: string, calibration: Files): Promise<Signature> {
  try {
    const opened = await openModel(path);
    try {
      const inputs: Record<string, Tensor> = {};
      for (const [name, file] of Object.entries(calibration)) inputs[name] = await someRows(file, fixedBatch(opened.signature));
      if (Object.keys(inputs).length > 0) await opened.run(inputs satisfies Tensors);
      return opened.signature;
    } finally {
      await opened.close();
    }
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const where = cause instanceof ModelLoadError ? 'load' : 'run';
    throw failure('MF3107', `The serving runtime cannot ${where} the quantized model: ${said}`, {
      hint: 'Try `perChannel: false`, or the other scheme.',
      cause,
    });
  }
}

async function someRows(path: string, fixed: number | undefined): Promise<Tensor> {
  const file = await openNpy(path);
  try {
    return filled(await file.readRows(0, fixed ?? 1), fixed ?? 1);
  } finally {
    await file.close();
  }
}
