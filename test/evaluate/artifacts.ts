import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Artifact } from 'modelflow';
import { openModel, Processing, type Tensor } from 'modelflow/serve';
import { Dataset, type OnnxModel } from 'modelflow/stages';
import type { z } from 'zod';
import { writeNpy } from '../../stages/lib/npy.ts';
import { type GraphSpec, writeModel } from '../serve/onnx-model.ts';

export const float = (shape: readonly number[], ...values: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
export const whole = (...values: number[]): Tensor => ({
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
export const strings = (...data: string[]): Tensor => ({ dtype: 'string', shape: [data.length], data });

/** An artifact as the store would give it back: files in a folder, and facts that the schema has seen. */
function artifactOf<F>(kind: { readonly name: string; readonly facts: z.ZodType<F> }, path: string, facts: unknown): Artifact {
  return { kind: kind.name, digest: '0'.repeat(64), path, sizeBytes: 0, facts: kind.facts.parse(facts) } as Artifact;
}

export async function datasetOf(inputs: Readonly<Record<string, Tensor>>, labels?: Tensor): Promise<Artifact> {
  const path = await mkdtemp(join(tmpdir(), 'modelflow-data-'));
  const arrays = { ...inputs, ...(labels ? { y: labels } : {}) };
  for (const [name, tensor] of Object.entries(arrays)) await writeNpy(join(path, `${name}.npy`), tensor);
  const factsOf = (name: string, tensor: Tensor) => ({ name, dtype: tensor.dtype, shape: tensor.shape });
  return artifactOf(Dataset, path, {
    rows: Object.values(inputs)[0]?.shape[0] ?? 0,
    inputs: Object.entries(inputs).map(([name, tensor]) => factsOf(name, tensor)),
    ...(labels ? { labels: factsOf('y', labels) } : {}),
  });
}

/** A real ONNX file as the import stages leave it. */
export async function onnxOf(
  kind: typeof OnnxModel,
  graph: GraphSpec,
  processing: z.input<typeof Processing> = {},
  precision = 'float32',
): Promise<Artifact> {
  const file = await writeModel(graph);
  const model = await openModel(file);
  const { signature } = model;
  await model.close();
  const facts = { model: basename(file), opset: 17, precision, signature, processing: Processing.parse(processing), sizeBytes: 1234 };
  return artifactOf(kind, dirname(file), facts);
}
