import { jsonText, type Reply } from './exchange.ts';
import type { ServedModel } from './served-model.ts';
import type { Tensors } from './tensor.ts';
import { datatypeOf, tensorToBytes } from './tensor-binary.ts';
import { tensorToJson } from './tensor-json.ts';

/** An output the client asked for by name. */
export interface RequestedOutput {
  readonly name: string;
  /** Overrides what the whole request says. */
  readonly binary: boolean | undefined;
}

/**
 * The answer of an inference: JSON, or JSON followed by the tensors that were asked for in binary. No `requested` outputs: all of them.
 * Numbers that JSON has not (NaN, infinities) are null in JSON; binary has them.
 */
export function answerInference(
  model: ServedModel,
  outputs: Tensors,
  id: string | undefined,
  requested: readonly RequestedOutput[],
  binaryOutput: boolean,
): Reply {
  const wanted = requested.length > 0 ? requested : model.signature.outputs.map(({ name }) => ({ name, binary: undefined }));
  const blocks: Buffer[] = [];
  const parts = wanted.map(({ name, binary }) => {
    const tensor = outputs[name];
    if (tensor === undefined) throw new Error(`the model gave no output ${JSON.stringify(name)}`);
    const head = `{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.dtype)}","shape":[${tensor.shape.join(',')}]`;
    if (!(binary ?? binaryOutput)) return `${head},"data":${tensorToJson(tensor, { flat: true })}}`;
    const bytes = tensorToBytes(tensor);
    blocks.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const idPart = id === undefined ? '' : `"id":${JSON.stringify(id)},`;
  const names = `"model_name":${JSON.stringify(model.name)},"model_version":${JSON.stringify(model.version)}`;
  const text = `{${names},${idPart}"outputs":[${parts.join(',')}]}`;
  if (blocks.length === 0) return jsonText(text);
  const header = Buffer.from(text);
  return {
    status: 200,
    body: Buffer.concat([header, ...blocks]),
    contentType: 'application/octet-stream',
    headers: { 'inference-header-content-length': String(header.length) },
  };
}
