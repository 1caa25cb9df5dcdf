import { castTo, ValueError } from './numbers.ts';
import { postprocess } from './processing.ts';
import type { ServedModel } from './served-model.ts';
import { isStrings, type Tensor, type Tensors } from './tensor.ts';
import { tensorToJson } from './tensor-json.ts';

/** `{"output": …}` of the first output after postprocessing, `label` or `labels` when they are declared, `outputs` when there are several. */
export function answerPrediction({ signature, processing }: ServedModel, outputs: Tensors, isSingle: boolean): string {
  const [first] = signature.outputs;
  const raw = first === undefined ? undefined : outputs[first.name];
  if (first === undefined || raw === undefined) throw new Error('the model gave no output');
  const output = postprocess(processing, raw);
  const isOneRow = isSingle && output.shape[0] === 1;
  const parts = [`"output":${tensorToJson(isOneRow ? withoutBatch(output) : output)}`];
  const { labels } = processing.output;
  if (labels !== undefined) {
    const names = labelsOf(output, labels).map((label) => JSON.stringify(label));
    parts.push(isOneRow && names.length === 1 ? `"label":${names[0]}` : `"labels":[${names.join(',')}]`);
  }
  if (signature.outputs.length > 1) {
    const all = { ...outputs, [first.name]: output };
    const named = Object.entries(all).map(([name, tensor]) => {
      const one = isOneRow && tensor.shape[0] === 1;
      return `${JSON.stringify(name)}:${tensorToJson(one ? withoutBatch(tensor) : tensor)}`;
    });
    parts.push(`"outputs":{${named.join(',')}}`);
  }
  return `{${parts.join(',')}}`;
}

function withoutBatch(tensor: Tensor): Tensor {
  return { ...tensor, shape: tensor.shape.slice(1) };
}

/** Whole numbers are indices of classes; one number per row is the probability of the second of two classes; else the largest wins. */
function labelsOf(output: Tensor, labels: readonly string[]): readonly string[] {
  if (isStrings(output.data)) throw new ValueError('labels are declared, but the output is strings');
  const isIndex = !output.dtype.startsWith('float');
  const values = castTo(output, 'float64').data;
  const width = isIndex ? 1 : (output.shape.at(-1) ?? 1);
  const isOneNumber = !isIndex && (width === 1 || output.shape.length < 2);
  const step = isOneNumber ? 1 : width;
  const names: string[] = [];
  for (let from = 0; from < values.length; from += step) {
    const index = isIndex ? Number(values[from]) : isOneNumber ? Number(Number(values[from]) >= 0.5) : largest(values, from, width);
    names.push(labels[index] ?? String(index));
  }
  return names;
}

function largest(values: ArrayLike<unknown>, from: number, width: number): number {
  let best = 0;
  for (let index = 1; index < width; index += 1) {
    if (Number(values[from + index]) > Number(values[from + best])) best = index;
  }
  return best;
}
