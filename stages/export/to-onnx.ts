import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BridgeError, defineStage, failure, type StageContext, z } from '../../core/index.ts';
import { runtimeVersion, type Tensor, type Tensors } from '../../core/serve/index.ts';
import { FrozenGraph, KerasModel, OnnxModel, SavedModel } from '../kinds.ts';
import { readNpy } from '../lib/npy.ts';
import { firstDifference, firstDifferenceScript } from './first-difference.ts';
import { type OriginalModel, originalCode, originalFailure, originalRequest, tensorflowEnvironment } from './original.ts';
import { compareOutput, describeParity, joinParity, type OutputParity, round, type Tolerance } from './parity.ts';
import { answerFor, openConverted, runConverted } from './run-converted.ts';

const script = new URL('./tf2onnx_bridge.py', import.meta.url);
/** What tf2onnx 1.17 writes and the per-channel quantization after it can use. */
const opsets = { lowest: 13, highest: 18 };

/** The tolerances of every stage that compares a converted model with its original. */
export const toleranceOptions = {
  absoluteTolerance: z.number().nonnegative().default(1e-4).describe('a value b agrees with a when |a − b| ≤ absolute + relative · |a|'),
  relativeTolerance: z.number().nonnegative().default(1e-3),
};

/**
 * Convert a TensorFlow or Keras model with tf2onnx, and compare what both answer to generated inputs, in two batch sizes.
 * MF3101 when the model cannot be loaded, MF3102 for an operator without ONNX form, MF3103 when the answers differ, MF3104 for the opset.
 */
export const toOnnx = defineStage({
  name: 'to-onnx',
  version: 1,
  inputs: { model: [KerasModel, SavedModel, FrozenGraph] },
  options: { opset: z.int().default(17).describe('13 to 18'), ...toleranceOptions },
  output: OnnxModel,
  code: [
    ...originalCode,
    script,
    new URL('./tf2onnx_additions.py', import.meta.url),
    new URL('./probes.py', import.meta.url),
    firstDifferenceScript,
  ],
  tools: async () => ({ 'onnxruntime-node': runtimeVersion() }),
  async run(ctx) {
    const { opset } = ctx.options;
    if (opset < opsets.lowest || opset > opsets.highest)
      throw failure('MF3104', `Opset ${opset} is not one of ${opsets.lowest} to ${opsets.highest}, which tf2onnx writes`, {
        hint: 'Leave `opset` out to take 17, which suits every stage that follows.',
      });
    const { model } = ctx.inputs;
    const folder = join(ctx.out, 'probes');
    await mkdir(folder);
    const file = 'model.onnx';
    const onnx = join(ctx.out, file);
    try {
      const probes = await convert(ctx, model, { opset, onnx, folder });
      ctx.log.progress(0.9, 'compare with the original');
      const signature = await check(ctx, model, { onnx, probes, tolerance: ctx.options });
      const { size } = await stat(onnx);
      return { model: file, opset, precision: 'float32', signature, processing: model.facts.processing, sizeBytes: size };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

const Files = z.record(z.string(), z.string());
const Reply = z.object({ probes: z.array(z.object({ inputs: Files, outputs: Files })).min(1) });
type Probe = z.infer<typeof Reply>['probes'][number];

async function convert(
  ctx: Pick<StageContext, 'python'>,
  model: OriginalModel,
  wanted: { readonly opset: number; readonly onnx: string; readonly folder: string },
): Promise<readonly Probe[]> {
  const { image, scale } = model.facts.processing.input;
  // Images that are not scaled beforehand come as 0…255.
  const floatHigh = image && scale === undefined ? 255 : 1;
  try {
    const request = { original: originalRequest(model), ...wanted, floatHigh };
    return Reply.parse(await ctx.python.call({ environment: tensorflowEnvironment, script, request })).probes;
  } catch (error) {
    if (!(error instanceof BridgeError) || error.kind !== 'unsupported-operator') throw originalFailure(error, model);
    throw failure('MF3102', `tf2onnx cannot export the model: ${error.message}`, {
      hint: wanted.opset < opsets.highest ? `Try opset ${opsets.highest}, or replace the layer.` : 'Replace the layer that uses it.',
      detail: error.detail,
      cause: error,
    });
  }
}

async function check(
  ctx: Pick<StageContext, 'python' | 'log'>,
  original: OriginalModel,
  { onnx, probes, tolerance }: { readonly onnx: string; readonly probes: readonly Probe[]; readonly tolerance: Tolerance },
) {
  const converted = await openConverted(onnx);
  try {
    const parity = new Map<string, OutputParity>();
    for (const probe of probes) {
      const expected = await readAll(probe.outputs);
      const actual = await runConverted(converted, await readAll(probe.inputs));
      for (const [name, tensor] of Object.entries(expected)) {
        const output = compareOutput(name, tensor, answerFor(name, actual), tolerance);
        parity.set(name, joinParity(parity.get(name), output));
        if (output.worst) throw await mismatch(ctx, original, { onnx, probe, outputs: [output], tolerance });
      }
    }
    const largest = Math.max(...[...parity.values()].map((output) => output.maxAbsoluteError));
    ctx.log.info(`agrees with the original on ${probes.length} generated batches; largest error ${round(largest)}`);
    return converted.signature;
  } finally {
    await converted.close();
  }
}

async function readAll(files: Readonly<Record<string, string>>): Promise<Tensors> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, path] of Object.entries(files)) tensors[name] = await readNpy(path);
  return tensors;
}

interface Mismatch {
  readonly onnx: string;
  readonly probe: Probe;
  readonly outputs: readonly OutputParity[];
  readonly tolerance: Tolerance;
}

async function mismatch(ctx: Pick<StageContext, 'python'>, original: OriginalModel, found: Mismatch): Promise<Error> {
  const { onnx, probe, outputs, tolerance } = found;
  const where = await firstDifference(ctx, original, { onnx, originalInputs: probe.inputs, onnxInputs: probe.inputs }, tolerance);
  const [worst] = outputs;
  const error = round(worst?.maxAbsoluteError ?? Infinity);
  return failure('MF3103', `Output ${worst?.name} of the converted model differs from the original by ${error} on generated inputs`, {
    hint: 'Try another opset. If the difference is acceptable, raise absoluteTolerance or relativeTolerance.',
    detail: [...outputs.map((output) => describeParity(output)), where],
  });
}
