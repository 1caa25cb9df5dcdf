import type { TensorSpec } from '../../../core/serve/index.ts';
import type { AttestedModel } from './subject.ts';

/** Facts of an evaluation that say nothing about how good the model is. */
const noMetrics = ['task', 'rows', 'model', 'sizeBytes'];

/** The model as a component of CycloneDX, with its card: what it takes and gives, and what it is worth where that was measured. */
export function modelComponent({ bundle, sha256, evaluation }: AttestedModel): { readonly 'bom-ref': string } {
  const { name, model, signature, precision, opset, runtime } = bundle;
  const task = evaluation === undefined ? undefined : evaluation.task === 'regression' ? 'regression' : 'classification';
  const metrics = Object.entries(evaluation ?? {}).filter(([fact, value]) => typeof value === 'number' && !noMetrics.includes(fact));
  return {
    type: 'machine-learning-model',
    'bom-ref': `model/${model}`,
    name,
    ...(sha256 === undefined ? {} : { version: sha256.slice(0, 12), hashes: [{ alg: 'SHA-256', content: sha256 }] }),
    modelCard: {
      modelParameters: {
        ...(task === undefined ? {} : { task }),
        inputs: signature.inputs.map((each) => ({ format: formatOf(each) })),
        outputs: signature.outputs.map((each) => ({ format: formatOf(each) })),
      },
      ...(metrics.length === 0
        ? {}
        : {
            quantitativeAnalysis: {
              performanceMetrics: metrics.map(([type, value]) => ({ type, value: String(value), slice: `${evaluation?.rows} rows` })),
            },
          }),
    },
    properties: [
      { name: 'modelflow:path', value: `/model/${model}` },
      { name: 'modelflow:format', value: `onnx, opset ${opset}` },
      { name: 'modelflow:precision', value: precision },
      { name: 'modelflow:runtime', value: `${runtime.name} ${runtime.version}` },
    ],
  } as { readonly 'bom-ref': string };
}

/** `input: float32 [batch, 784]` */
function formatOf({ name, dtype, shape }: TensorSpec): string {
  return `${name}: ${dtype} [${shape.map((size, at) => size ?? (at === 0 ? 'batch' : 'any')).join(', ')}]`;
}
