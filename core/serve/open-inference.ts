import { checkInputs, checkName } from './check-input.ts';
import { type Call, json, mayBeJson, mediaType, naming, needsExactIntegers, type Reply } from './exchange.ts';
import type { TensorSpec } from './facts.ts';
import { isObject, type JsonObject, parseJson } from './json.ts';
import { answerInference, type RequestedOutput } from './open-inference-answer.ts';
import { badRequest, RequestError } from './request-error.ts';
import type { ServedModel } from './served-model.ts';
import { elementBytes, elementCount, type Tensor, type Tensors } from './tensor.ts';
import { datatypeOf, dtypeOf, tensorFromBytes } from './tensor-binary.ts';
import { tensorOfShape } from './tensor-json.ts';

// Open Inference Protocol, version 2, REST, with Triton's binary tensor data extension.

/** `GET /v2/models/NAME`. */
export function modelMetadata({ model }: Call): Reply {
  const tensor = (spec: TensorSpec) => ({
    name: spec.name,
    datatype: datatypeOf(spec.dtype),
    shape: spec.shape.map((dimension) => dimension ?? -1),
  });
  const { inputs, outputs } = model.signature;
  return json({
    name: model.name,
    versions: [model.version],
    platform: 'onnx_onnxv1',
    inputs: inputs.map(tensor),
    outputs: outputs.map(tensor),
  });
}

/** `POST /v2/models/NAME/infer`. */
export async function infer(call: Call): Promise<Reply> {
  const { model, request } = call;
  const headerLength = request.headers['inference-header-content-length'];
  const type = mediaType(request);
  if (!mayBeJson(type) && !(headerLength !== undefined && type === 'application/octet-stream')) {
    throw new RequestError(
      415,
      `content type ${type} is not supported: send application/json, or application/octet-stream with Inference-Header-Content-Length`,
    );
  }
  const body = await call.body();
  const jsonBytes = headerLength === undefined ? body.length : wholeNumber(String(headerLength), body.length);
  if (headerLength !== undefined && jsonBytes === 0) {
    const outputs = await model.run(rawInput(model, body), call.isAbandoned);
    return answerInference(model, outputs, undefined, [], true);
  }
  const header = parseJson(body.subarray(0, jsonBytes), { exactIntegers: needsExactIntegers(model), nonFinite: false });
  if (!isObject(header)) throw badRequest('the request must be a JSON object with "inputs"');
  const id = header['id'];
  if (id !== undefined && typeof id !== 'string') throw badRequest('"id" must be a string');
  const inputs = readInputs(model, header, body.subarray(jsonBytes));
  const requested = readOutputs(model, header['outputs']);
  const binaryOutput = parameters(header)['binary_data_output'] === true;
  checkInputs(model.signature, inputs);
  return answerInference(model, await model.run(inputs, call.isAbandoned), id, requested, binaryOutput);
}

function wholeNumber(text: string, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= most)) throw badRequest(`Inference-Header-Content-Length is ${text}, the body has ${most} bytes`);
  return value;
}

function readInputs(model: ServedModel, header: JsonObject, binary: Buffer): Tensors {
  const list = header['inputs'];
  if (!Array.isArray(list)) throw badRequest('"inputs" must be a list of tensors');
  const tensors: Record<string, Tensor> = {};
  let at = 0;
  for (const input of list as readonly unknown[]) {
    const { name, dtype, shape, object } = readHead(input);
    checkName(model.signature, name);
    if (Object.hasOwn(tensors, name)) throw badRequest(`input ${JSON.stringify(name)} is given twice`);
    const sizeBytes = parameters(object)['binary_data_size'];
    tensors[name] = naming(name, () => {
      if (sizeBytes === undefined) return tensorOfShape(object['data'], dtype, shape);
      const left = binary.length - at;
      if (typeof sizeBytes !== 'number' || !Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > left) {
        throw badRequest(`input ${JSON.stringify(name)}: binary_data_size is ${String(sizeBytes)}, ${left} bytes of binary data are left`);
      }
      if (object['data'] !== undefined) throw badRequest(`input ${JSON.stringify(name)} has both "data" and binary_data_size`);
      at += sizeBytes;
      return tensorFromBytes(binary.subarray(at - sizeBytes, at), dtype, shape);
    });
  }
  if (at !== binary.length) throw badRequest(`the body has ${binary.length - at} bytes of binary data that no input claims`);
  return tensors;
}

function readHead(input: unknown) {
  if (!isObject(input)) throw badRequest('every input must be an object with name, shape, datatype and data');
  const { name, datatype, shape } = input;
  if (typeof name !== 'string') throw badRequest('every input must have a "name"');
  const dtype = dtypeOf(datatype);
  if (dtype === undefined) throw badRequest(`input ${JSON.stringify(name)}: datatype ${JSON.stringify(datatype)} is not supported`);
  if (!Array.isArray(shape) || !shape.every((dimension) => typeof dimension === 'number')) {
    throw badRequest(`input ${JSON.stringify(name)}: "shape" must be a list of whole numbers`);
  }
  return { name, dtype, shape: shape as readonly number[], object: input };
}

function readOutputs(model: ServedModel, outputs: unknown): readonly RequestedOutput[] {
  if (outputs === undefined) return [];
  if (!Array.isArray(outputs)) throw badRequest('"outputs" must be a list');
  return (outputs as readonly unknown[]).map((output) => {
    const name = isObject(output) ? output['name'] : undefined;
    if (typeof name !== 'string' || !isObject(output)) throw badRequest('every output must be an object with a "name"');
    if (!model.signature.outputs.some((spec) => spec.name === name)) {
      const known = model.signature.outputs.map((spec) => JSON.stringify(spec.name)).join(', ');
      throw badRequest(`unexpected inference output ${JSON.stringify(name)}; the model has ${known}`);
    }
    const { binary_data: binary, classification } = parameters(output);
    if (classification !== undefined) throw badRequest(`output ${JSON.stringify(name)}: the classification extension is not supported`);
    return { name, binary: typeof binary === 'boolean' ? binary : undefined };
  });
}

function parameters(object: JsonObject): JsonObject {
  const found = object['parameters'];
  if (found !== undefined && !isObject(found)) throw badRequest('"parameters" must be an object');
  return found ?? {};
}

/** A body that is nothing but the tensor of the only input: one row; one further dimension may be free and is taken from the size. */
function rawInput(model: ServedModel, body: Buffer): Tensors {
  const [spec, ...others] = model.signature.inputs;
  if (spec === undefined || others.length > 0) throw badRequest('a raw binary request needs a model with one input');
  const inner = spec.shape.map((dimension, axis) => (axis === 0 && dimension === null ? 1 : dimension));
  const free = inner.filter((dimension) => dimension === null).length;
  if (free > 1)
    throw badRequest(`a raw binary request needs a model with one free dimension; input ${JSON.stringify(spec.name)} has ${free}`);
  const known = elementCount(inner.map((dimension) => dimension ?? 1)) * (elementBytes[spec.dtype] || body.length);
  const rest = known === 0 ? 0 : Math.floor(body.length / known);
  const shape = inner.map((dimension) => dimension ?? rest);
  const tensors = { [spec.name]: naming(spec.name, () => tensorFromBytes(body, spec.dtype, shape)) };
  checkInputs(model.signature, tensors);
  return tensors;
}
