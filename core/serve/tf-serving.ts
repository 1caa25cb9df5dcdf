import { checkInputs, checkName, expected } from './check-input.ts';
import { type Call, json, jsonText, naming, needsExactIntegers, type Reply } from './exchange.ts';
import type { Dtype, TensorSpec } from './facts.ts';
import { isObject, type JsonObject, parseJson } from './json.ts';
import { badRequest } from './request-error.ts';
import type { ServedModel } from './served-model.ts';
import type { Tensor, Tensors } from './tensor.ts';
import { tensorFromLists, tensorToJson } from './tensor-json.ts';

// TensorFlow Serving's REST API, as util/json_tensor.cc and model_servers/http_rest_api_handler.cc have it.

const signatureName = 'serving_default';

/** `GET /v1/models/NAME`. */
export function modelStatus({ model }: Call): Reply {
  const state = model.isReady ? 'AVAILABLE' : 'LOADING';
  return json({ model_version_status: [{ version: model.version, state, status: { error_code: 'OK', error_message: '' } }] });
}

/** `GET /v1/models/NAME/metadata`. */
export function signatureMetadata({ model }: Call): Reply {
  const ends = (specs: readonly TensorSpec[]) => Object.fromEntries(specs.map((spec) => [spec.name, tensorInfo(spec)]));
  const definition = {
    inputs: ends(model.signature.inputs),
    outputs: ends(model.signature.outputs),
    method_name: 'tensorflow/serving/predict',
    defaults: {},
  };
  return json({
    model_spec: { name: model.name, signature_name: '', version: model.version },
    metadata: { signature_def: { signature_def: { [signatureName]: definition } } },
  });
}

/** `POST /v1/models/NAME:predict`: rows under `instances`, or columns under `inputs`. */
export async function tensorPredict(call: Call): Promise<Reply> {
  const { model } = call;
  // The content type is not looked at, as TensorFlow Serving does not.
  const body = parseJson(await call.body(), { exactIntegers: needsExactIntegers(model), nonFinite: true });
  if (!isObject(body)) throw badRequest('the request must be a JSON object with "instances" or "inputs"');
  const name = body['signature_name'];
  if (name !== undefined && name !== '' && name !== signatureName) {
    throw badRequest(`Serving signature name: ${JSON.stringify(name)} not found in signature def`);
  }
  const byRow = body['instances'] !== undefined;
  if (byRow === (body['inputs'] !== undefined)) throw badRequest('exactly one of "instances" and "inputs" is expected');
  const inputs = byRow ? fromInstances(model, body['instances']) : fromInputs(model, body['inputs']);
  checkInputs(model.signature, inputs);
  const outputs = await model.run(inputs, call.isAbandoned);
  return jsonText(byRow ? predictions(model, outputs) : columns(model, outputs));
}

/** Rows: values of the only input, or objects with one value per input. */
function fromInstances(model: ServedModel, instances: unknown): Tensors {
  if (!Array.isArray(instances)) throw badRequest('"instances" must be a list');
  if (instances.length === 0) throw badRequest('"instances" is empty');
  const rows = instances as readonly unknown[];
  if (!isNamed(rows[0])) return { [onlyInput(model).name]: read(onlyInput(model), rows) };
  const names = Object.keys(rows[0]);
  const columnsByName: Record<string, unknown> = {};
  for (const name of names) {
    checkName(model.signature, name);
    columnsByName[name] = rows.map((row, index) => {
      if (!isNamed(row) || Object.keys(row).length !== names.length || !Object.hasOwn(row, name)) {
        throw badRequest(`instance ${index} does not have the inputs of instance 0: ${names.join(', ')}`);
      }
      return row[name];
    });
  }
  return readNamed(model, columnsByName);
}

/** Columns: a value of the only input, or an object with one per input. */
function fromInputs(model: ServedModel, inputs: unknown): Tensors {
  return isNamed(inputs) ? readNamed(model, inputs) : { [onlyInput(model).name]: read(onlyInput(model), inputs) };
}

function readNamed(model: ServedModel, values: JsonObject): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(values)) {
    checkName(model.signature, name);
    const spec = model.signature.inputs.find((input) => input.name === name);
    if (spec !== undefined) tensors[name] = read(spec, value);
  }
  return tensors;
}

/** `{"b64": "…"}` is a value, any other object has names of inputs. */
function isNamed(value: unknown): value is JsonObject {
  return isObject(value) && !(Object.keys(value).length === 1 && typeof value['b64'] === 'string');
}

function onlyInput(model: ServedModel): TensorSpec {
  const [spec, ...others] = model.signature.inputs;
  if (spec === undefined || others.length > 0) throw badRequest(`inputs must be named: ${expected(model.signature)}`);
  return spec;
}

function read({ name, dtype }: TensorSpec, value: unknown): Tensor {
  return naming(name, () => tensorFromLists(value, dtype, { nonFinite: true, base64: true }));
}

function predictions(model: ServedModel, outputs: Tensors): string {
  const named = ordered(model, outputs);
  const rows = named[0]?.tensor.shape[0];
  for (const { name, tensor } of named) {
    if (tensor.shape[0] === undefined)
      throw badRequest(`output ${JSON.stringify(name)} has no rows; ask by "inputs" instead of "instances"`);
    if (tensor.shape[0] !== rows) throw badRequest(`outputs have unequal numbers of rows; ask by "inputs" instead of "instances"`);
  }
  const [only, ...others] = named;
  if (only !== undefined && others.length === 0) return `{"predictions":${write(only.name, only.tensor)}}`;
  const lists = named.map(({ name, tensor }) => ({ key: JSON.stringify(name), rows: rowTexts(name, tensor) }));
  const objects = Array.from({ length: rows ?? 0 }, (_, row) => `{${lists.map((list) => `${list.key}:${list.rows[row]}`).join(',')}}`);
  return `{"predictions":[${objects.join(',')}]}`;
}

function columns(model: ServedModel, outputs: Tensors): string {
  const named = ordered(model, outputs);
  const [only, ...others] = named;
  if (only !== undefined && others.length === 0) return `{"outputs":${write(only.name, only.tensor)}}`;
  return `{"outputs":{${named.map(({ name, tensor }) => `${JSON.stringify(name)}:${write(name, tensor)}`).join(',')}}}`;
}

function ordered(model: ServedModel, outputs: Tensors): readonly { readonly name: string; readonly tensor: Tensor }[] {
  return model.signature.outputs.flatMap(({ name }) => {
    const tensor = outputs[name];
    return tensor === undefined ? [] : [{ name, tensor }];
  });
}

function rowTexts(name: string, { dtype, shape, data }: Tensor): readonly string[] {
  const [rows = 0, ...inner] = shape;
  const width = rows === 0 ? 0 : data.length / rows;
  return Array.from({ length: rows }, (_, row) => write(name, { dtype, shape: inner, data: data.slice(row * width, (row + 1) * width) }));
}

/** Strings of outputs whose name ends in `_bytes` are base64. */
function write(name: string, tensor: Tensor): string {
  return tensorToJson(tensor, { tokens: true, base64: name.endsWith('_bytes') });
}

/** Names of DataType in tensorflow/core/framework/types.proto. */
const dataTypes: Readonly<Record<Dtype, string>> = {
  float32: 'DT_FLOAT',
  float64: 'DT_DOUBLE',
  float16: 'DT_HALF',
  int8: 'DT_INT8',
  int16: 'DT_INT16',
  int32: 'DT_INT32',
  int64: 'DT_INT64',
  uint8: 'DT_UINT8',
  uint16: 'DT_UINT16',
  uint32: 'DT_UINT32',
  uint64: 'DT_UINT64',
  bool: 'DT_BOOL',
  string: 'DT_STRING',
};

function tensorInfo({ name, dtype, shape }: TensorSpec): unknown {
  const dim = shape.map((dimension) => ({ size: String(dimension ?? -1), name: '' }));
  return { dtype: dataTypes[dtype], tensor_shape: { dim, unknown_rank: false }, name };
}
