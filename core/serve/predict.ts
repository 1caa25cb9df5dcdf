import { joinRows } from './batch.ts';
import { checkInputs, checkName, describeSpec, expected } from './check-input.ts';
import { type Call, jsonText, mayBeJson, mediaType, naming, needsExactIntegers, type Reply } from './exchange.ts';
import type { Processing, TensorSpec } from './facts.ts';
import { decodeImage } from './image.ts';
import { isObject, parseJson } from './json.ts';
import { readFiles } from './multipart.ts';
import { answerPrediction } from './predict-answer.ts';
import { preprocess } from './processing.ts';
import { badRequest, RequestError } from './request-error.ts';
import { asBatch } from './single-row.ts';
import type { Tensor, Tensors } from './tensor.ts';
import { tensorFromLists } from './tensor-json.ts';

/** The inputs of the model, and whether the client gave one row without a batch around it. */
interface Given {
  readonly inputs: Tensors;
  readonly isSingle: boolean;
}

/** `POST /predict`: raw values or images in, the declared processing applied on both sides. */
export async function predict(call: Call): Promise<Reply> {
  const { inputs, isSingle } = await readRequest(call);
  checkInputs(call.model.signature, inputs);
  const outputs = await call.model.run(inputs, call.isAbandoned);
  return jsonText(answerPrediction(call.model, outputs, isSingle));
}

async function readRequest(call: Call): Promise<Given> {
  const type = mediaType(call.request);
  if (type === 'multipart/form-data') return fromImages(call, await readFiles(call.request.headers, await call.body()));
  if (type.startsWith('image/')) return fromImages(call, [await call.body()]);
  if (mayBeJson(type)) return fromJson(call, await call.body());
  throw new RequestError(415, `content type ${type} is not supported: send application/json, multipart/form-data with images, or image/*`, {
    accept: 'application/json, multipart/form-data, image/*',
  });
}

async function fromImages({ model }: Call, files: readonly Uint8Array[]): Promise<Given> {
  const [spec, ...others] = model.signature.inputs;
  if (spec === undefined || others.length > 0 || model.processing.input.image === undefined) {
    throw new RequestError(415, `the model takes no images: its processing declares no image input; ${expected(model.signature)}`);
  }
  const rows: Tensors[] = [];
  for (const file of files) {
    const image = await decodeImage(file, model.processing).catch((cause: unknown) => {
      throw cause instanceof Error && cause.name === 'ValueError' ? badRequest(cause.message) : cause;
    });
    rows.push({ [spec.name]: image });
  }
  const raw = joinRows(rows)[spec.name];
  if (raw === undefined) throw badRequest('the form has no file; send the image as a file field');
  return { inputs: { [spec.name]: naming(spec.name, () => preprocess(model.processing, spec, raw)) }, isSingle: files.length === 1 };
}

function fromJson({ model }: Call, bytes: Buffer): Given {
  const body = parseJson(bytes, { exactIntegers: needsExactIntegers(model), nonFinite: false });
  if (!isObject(body) || !Object.hasOwn(body, 'input')) {
    throw badRequest(`the request must be a JSON object with "input"; ${expected(model.signature)}`);
  }
  const isProcessed = body['processed'] ?? false;
  if (typeof isProcessed !== 'boolean') throw badRequest('"processed" must be true or false');
  const values = byName(model.signature.inputs, body['input']);
  const processing = isProcessed ? undefined : model.processing;
  const given = model.signature.inputs.flatMap((spec) => {
    if (!values.has(spec.name)) return [];
    return [{ name: spec.name, ...naming(spec.name, () => readValue(spec, processing, values.get(spec.name))) }];
  });
  return {
    inputs: Object.fromEntries(given.map(({ name, tensor }) => [name, tensor])),
    isSingle: given.every(({ isSingle }) => isSingle),
  };
}

/** The value of the only input, or an object with one value per input. */
function byName(specs: readonly TensorSpec[], input: unknown): ReadonlyMap<string, unknown> {
  const [only, ...others] = specs;
  if (isObject(input)) {
    for (const name of Object.keys(input)) checkName({ inputs: specs, outputs: specs }, name);
    return new Map(Object.entries(input));
  }
  if (only === undefined || others.length > 0) {
    throw badRequest(
      `"input" must be an object with ${specs.map((spec) => `${JSON.stringify(spec.name)}: ${describeSpec(spec)}`).join(', ')}`,
    );
  }
  return new Map([[only.name, input]]);
}

function readValue(
  spec: TensorSpec,
  processing: Processing | undefined,
  value: unknown,
): { readonly tensor: Tensor; readonly isSingle: boolean } {
  const { tensor, isSingle } = asBatch(spec, processing?.input, tensorFromLists(value, rawDtype(spec, processing)));
  // Preprocessing without anything declared still casts and reshapes.
  return { tensor: preprocess(processing ?? plain, spec, tensor), isSingle };
}

const plain: Processing = { input: {}, output: { activation: 'none' } };

/** Raw values are numbers of any size until they are scaled; without scaling they are read as what the model takes. */
function rawDtype({ dtype }: TensorSpec, processing: Processing | undefined): TensorSpec['dtype'] {
  const { scale, mean, std } = processing?.input ?? {};
  const isScaled = scale !== undefined || mean !== undefined || std !== undefined;
  return isScaled && dtype !== 'string' && dtype !== 'bool' ? 'float64' : dtype;
}
