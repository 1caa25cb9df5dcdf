import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineStage, failure, type StageContext, z } from '../../core/index.ts';
import { type OpenModel, runtimeVersion, type Tensor, type Tensors } from '../../core/serve/index.ts';
import { filled } from '../evaluate/predict-onnx.ts';
import { firstDifference, firstDifferenceScript } from '../export/first-difference.ts';
import { type OriginalModel, type OriginalPrediction, predictCode, predictOriginal } from '../export/original.ts';
import { compareOutput, describeParity, joinParity, type OutputParity, round, type Tolerance } from '../export/parity.ts';
import { answerFor, openConverted, runConverted } from '../export/run-converted.ts';
import { toleranceOptions } from '../export/to-onnx.ts';
import { Dataset, FrozenGraph, KerasModel, OnnxModel, ParityReport, SavedModel } from '../kinds.ts';
import { type NpyFile, openNpy, readNpy, rowsOf, writeNpy } from '../lib/npy.ts';
import { type PreparedRows, prepareRows } from '../lib/prepared-rows.ts';

const rowsAtOnce = 64;

/**
 * Run the same rows through the original and through the converted model in the runtime that serves it, and compare each output.
 * Leaves report.json. MF3103 when a value differs by more than the tolerance, MF3105 when the rows do not fit the models.
 */
export const verify = defineStage({
  name: 'verify',
  version: 1,
  inputs: { original: [KerasModel, SavedModel, FrozenGraph], converted: OnnxModel, data: Dataset },
  options: { ...toleranceOptions, rows: z.int().positive().optional().describe('compare only so many rows, spread over the dataset') },
  output: ParityReport,
  code: [...predictCode, firstDifferenceScript],
  tools: async () => ({ 'onnxruntime-node': runtimeVersion() }),
  async run(ctx) {
    const folder = join(ctx.out, 'scratch');
    await mkdir(folder);
    const onnx = join(ctx.inputs.converted.path, ctx.inputs.converted.facts.model);
    const converted = await openConverted(onnx);
    try {
      const { processing } = ctx.inputs.converted.facts;
      const { signature } = converted;
      const prepared = await prepareRows(ctx, { data: ctx.inputs.data, signature, processing, rows: ctx.options.rows, folder });
      const { outputs } = await predictOriginal(ctx, ctx.inputs.original, { inputs: prepared.files, out: folder, byOrder: true });
      const pairs = matchOutputs(outputs, converted);
      const parity = await compareAll(ctx, converted, { prepared, pairs, tolerance: ctx.options });
      await refuseMismatch(ctx, { parity, prepared, onnx, folder });
      return await writeReport(ctx, parity, prepared.rows);
    } finally {
      await converted.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
});

interface OutputPair {
  /** As the converted model calls it. */
  readonly name: string;
  readonly file: string;
}

/** Outputs belong together by name; when a tool has renamed them all, by their order. */
function matchOutputs(outputs: OriginalPrediction['outputs'], converted: OpenModel): readonly OutputPair[] {
  const names = converted.signature.outputs.map((output) => output.name);
  if (names.length === outputs.length) {
    const byName = outputs.every((output) => names.includes(output.name));
    return outputs.map(({ name, file }, index) => ({ name: byName ? name : (names[index] ?? name), file }));
  }
  const original = outputs.map((output) => output.name).join(', ');
  throw failure('MF3103', `The original has the outputs ${original}; the converted model has ${names.join(', ')}`);
}

interface Comparison {
  readonly prepared: PreparedRows;
  readonly pairs: readonly OutputPair[];
  readonly tolerance: Tolerance;
}

async function compareAll(
  ctx: Pick<StageContext, 'signal' | 'log'>,
  converted: OpenModel,
  { prepared, pairs, tolerance }: Comparison,
): Promise<readonly OutputParity[]> {
  const inputs = await openAll(prepared.files);
  const expected = await openAll(Object.fromEntries(pairs.map(({ name, file }) => [name, file])));
  const parity = new Map<string, OutputParity>();
  const fixed = converted.signature.inputs.map(({ shape }) => shape[0]).find((size) => typeof size === 'number');
  const step = fixed ?? rowsAtOnce;
  try {
    for (let from = 0; from < prepared.rows; from += step) {
      ctx.signal.throwIfAborted();
      const to = Math.min(from + step, prepared.rows);
      const answers = await runConverted(converted, await readRows(inputs, from, to, fixed));
      for (const [name, file] of expected) {
        const original = await file.readRows(from, to);
        const answer = rowsOf(answerFor(name, answers), 0, to - from);
        parity.set(name, joinParity(parity.get(name), compareOutput(name, original, answer, tolerance, from)));
      }
      ctx.log.progress(0.9 + (0.1 * to) / prepared.rows, `${to} of ${prepared.rows} rows compared`);
    }
    return [...parity.values()];
  } finally {
    for (const file of [...inputs.values(), ...expected.values()]) await file.close();
  }
}

async function openAll(files: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, NpyFile>> {
  const opened = new Map<string, NpyFile>();
  for (const [name, path] of Object.entries(files)) opened.set(name, await openNpy(path));
  return opened;
}

async function readRows(files: ReadonlyMap<string, NpyFile>, from: number, to: number, fixed: number | undefined): Promise<Tensors> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, file] of files) tensors[name] = filled(await file.readRows(from, to), fixed ?? to - from);
  return tensors;
}

interface Found {
  readonly parity: readonly OutputParity[];
  readonly prepared: PreparedRows;
  readonly onnx: string;
  readonly folder: string;
}

type VerifyContext = Pick<StageContext, 'python'> & {
  readonly inputs: { readonly original: OriginalModel };
  readonly options: Tolerance;
};

async function refuseMismatch(ctx: VerifyContext, { parity, prepared, onnx, folder }: Found): Promise<void> {
  const wrong = parity.filter((output) => output.worst !== undefined);
  const [first] = wrong;
  if (!first?.worst) return;
  const { row } = first.worst;
  const oneRow: Record<string, string> = {};
  for (const [index, [name, path]] of Object.entries(prepared.files).entries()) {
    oneRow[name] = join(folder, `row-${index}.npy`);
    await writeNpy(oneRow[name], rowsOf(await readNpy(path), row, row + 1));
  }
  const where = await firstDifference(ctx, ctx.inputs.original, { onnx, originalInputs: oneRow, onnxInputs: oneRow }, ctx.options);
  const { name, beyond, elements, maxAbsoluteError } = first;
  throw failure(
    'MF3103',
    `Output ${name} of the converted model differs from the original by up to ${round(maxAbsoluteError)}, in ${beyond} of ${elements} values; worst in row ${prepared.rowOf(row)}`,
    {
      hint: 'Export with another opset. If the difference is acceptable, raise absoluteTolerance or relativeTolerance.',
      detail: [...wrong.map((output) => describeParity(output, prepared.rowOf)), where],
    },
  );
}

async function writeReport(ctx: { readonly out: string; readonly options: Tolerance }, parity: readonly OutputParity[], rows: number) {
  const { absoluteTolerance, relativeTolerance } = ctx.options;
  const outputs = parity.map(({ name, maxAbsoluteError, maxRelativeError }) => ({ name, maxAbsoluteError, maxRelativeError }));
  const facts = {
    rows,
    absoluteTolerance,
    relativeTolerance,
    maxAbsoluteError: Math.max(...outputs.map((output) => output.maxAbsoluteError)),
    outputs,
  };
  await writeFile(join(ctx.out, 'report.json'), `${JSON.stringify(facts, undefined, 2)}\n`);
  return facts;
}
