import type { Processing, TensorSpec } from './facts.ts';
import { castTo, toNumbers, ValueError } from './numbers.ts';
import { elementCount, type Tensor } from './tensor.ts';

type InputProcessing = Processing['input'];

/**
 * Turns raw rows (dataset arrays, decoded images) into what the model takes: scale, mean and std, layout, then the element type and the
 * shape of `spec`. The shape may differ where only dimensions of 1 do, or where the elements of one row agree in number.
 * Throws a `ValueError` when the rows cannot be made to fit.
 */
export function preprocess(processing: Processing, spec: TensorSpec, raw: Tensor): Tensor {
  const scaled = normalize(processing.input, raw);
  const laidOut = applyLayout(processing.input, spec, scaled);
  return reshapeTo(spec, castTo(laidOut, spec.dtype));
}

/**
 * Turns the first output of the model into the answer: its activation over the last axis. Softmax is computed as
 * exp(x − max) / Σ exp(x − max), so that large logits do not overflow. Throws a `ValueError` for an output that is no floating-point number.
 */
export function postprocess(processing: Processing, output: Tensor): Tensor {
  const { activation } = processing.output;
  if (activation === 'none') return output;
  if (output.dtype !== 'float32' && output.dtype !== 'float64' && output.dtype !== 'float16') {
    throw new ValueError(`${activation} needs floating-point numbers, the output is ${output.dtype}`);
  }
  const values = toNumbers(output);
  const width = output.shape.at(-1) ?? 1;
  const data = activation === 'softmax' ? softmax(values, width) : Float64Array.from(values, (value) => 1 / (1 + Math.exp(-value)));
  const dtype = output.dtype === 'float64' ? 'float64' : 'float32';
  return castTo({ dtype: 'float64', shape: output.shape, data }, dtype);
}

function softmax(values: ArrayLike<number>, width: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let from = 0; from < values.length; from += width) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let index = from; index < from + width; index += 1) largest = Math.max(largest, values[index] ?? 0);
    let sum = 0;
    for (let index = from; index < from + width; index += 1) {
      const power = Math.exp((values[index] ?? 0) - largest);
      result[index] = power;
      sum += power;
    }
    for (let index = from; index < from + width; index += 1) result[index] = (result[index] ?? 0) / sum;
  }
  return result;
}

/** (value × scale − mean) / std, with one mean and std for all or one per channel; channels are the last axis of raw rows. */
function normalize(input: InputProcessing, raw: Tensor): Tensor {
  const { scale, mean, std } = input;
  if (scale === undefined && mean === undefined && std === undefined) return raw;
  const values = toNumbers(raw);
  const means = perChannel(input, raw, 'mean', mean ?? [0]);
  const deviations = perChannel(input, raw, 'std', std ?? [1]);
  const factor = scale ?? 1;
  const data = new Float64Array(values.length);
  for (let index = 0; index < values.length; index += 1) {
    const centred = (values[index] ?? 0) * factor - (means[index % means.length] ?? 0);
    data[index] = centred / (deviations[index % deviations.length] ?? 1);
  }
  return { dtype: 'float64', shape: raw.shape, data };
}

function perChannel(input: InputProcessing, raw: Tensor, what: string, numbers: readonly number[]): readonly number[] {
  if (numbers.length === 1 || numbers.length === raw.shape.at(-1)) return numbers;
  // Flattened images still have their channels side by side.
  const pixels = input.image === undefined ? 0 : input.image.width * input.image.height * input.image.channels;
  if (numbers.length === input.image?.channels && raw.shape.at(-1) === pixels) return numbers;
  throw new ValueError(
    `${what} has ${numbers.length} numbers, but the last axis of the raw rows, shape ${show(raw.shape)}, is the channels`,
  );
}

/** Raw images are NHWC, or NHW when they have one channel. */
function applyLayout(input: InputProcessing, spec: TensorSpec, raw: Tensor): Tensor {
  if (input.layout === undefined || input.layout === 'NHWC') return raw;
  const channels = channelsOf(input, spec, raw);
  // With one channel every layout has the same bytes; reshaping does the rest.
  if (channels === 1) return raw;
  if (input.layout === 'NHW')
    throw new ValueError(`layout NHW takes one channel, the raw rows, shape ${show(raw.shape)}, have ${channels}`);
  const rows = raw.shape[0] ?? 1;
  const pixels = elementCount(raw.shape) / (rows * channels);
  const source = toNumbers(raw);
  const data = new Float64Array(source.length);
  for (let row = 0; row < rows; row += 1) {
    const start = row * pixels * channels;
    for (let pixel = 0; pixel < pixels; pixel += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        data[start + channel * pixels + pixel] = source[start + pixel * channels + channel] ?? 0;
      }
    }
  }
  const [, height, width] = raw.shape;
  const image = raw.shape.length === 4 ? [height ?? 1, width ?? 1] : input.image ? [input.image.height, input.image.width] : [pixels];
  return { dtype: 'float64', shape: [rows, channels, ...image], data };
}

function channelsOf(input: InputProcessing, spec: TensorSpec, raw: Tensor): number {
  if (raw.shape.length === 4) return raw.shape[3] ?? 1;
  if (raw.shape.length === 3) return 1;
  const declared = input.image?.channels ?? (spec.shape.length === 4 ? spec.shape[1] : undefined) ?? 1;
  if ((raw.shape[1] ?? 0) % declared !== 0)
    throw new ValueError(`raw rows of shape ${show(raw.shape)} do not divide into ${declared} channels`);
  return declared;
}

function reshapeTo(spec: TensorSpec, tensor: Tensor): Tensor {
  // No dimensions: a scalar, or a rank that the runtime does not know.
  if (spec.shape.length === 0) return tensor;
  const rows = tensor.shape[0] ?? 1;
  const [batch, ...inner] = spec.shape;
  if (typeof batch === 'number' && batch !== rows) {
    throw new ValueError(`it takes ${batch} rows at a time, ${rows} were given`);
  }
  const shape = fitRow(inner, tensor.shape.slice(1));
  if (shape === undefined) {
    const expected = spec.shape.map((dimension) => dimension ?? -1);
    throw new ValueError(
      `it takes rows of shape ${show(expected.slice(1))} (${spec.dtype} ${show(expected)}), the rows have shape ${show(tensor.shape.slice(1))}`,
    );
  }
  return { ...tensor, shape: [rows, ...shape] };
}

function fitRow(wanted: readonly (number | null)[], found: readonly number[]): readonly number[] | undefined {
  const fits = wanted.length === found.length && wanted.every((dimension, index) => dimension === null || dimension === found[index]);
  if (fits) return found;
  const fixed = wanted.filter((dimension) => dimension !== null);
  if (fixed.length === wanted.length) return elementCount(fixed) === elementCount(found) ? fixed : undefined;
  // Free dimensions: all but the ones must agree, in order.
  const rest = found.filter((dimension) => dimension !== 1);
  const shape: number[] = [];
  for (const dimension of wanted) {
    const next = dimension === 1 ? 1 : rest.shift();
    if (next === undefined || (dimension !== null && dimension !== next)) return undefined;
    shape.push(next);
  }
  return rest.length === 0 ? shape : undefined;
}

function show(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
