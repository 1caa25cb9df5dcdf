import { basename } from 'node:path';
import { failure } from '../../core/index.ts';
import { ModelLoadError, type OpenModel, openModel, type Tensor, type Tensors } from '../../core/serve/index.ts';

/** Load a model that a tool has just written. MF3104 when the runtime does not know its opset, MF3102 when it cannot run an operator. */
export async function openConverted(path: string): Promise<OpenModel> {
  try {
    return await openModel(path);
  } catch (cause) {
    if (!(cause instanceof ModelLoadError)) throw cause;
    const message = cause.message.replaceAll(path, basename(path));
    const code = /opset|IR version/i.test(message) && !/implementation/i.test(message) ? 'MF3104' : 'MF3102';
    throw failure(code, `The serving runtime cannot load the converted model: ${message}`, {
      hint: code === 'MF3104' ? 'Choose a lower opset.' : 'Try another opset, or replace the layer that gives this operator.',
      cause,
    });
  }
}

/** Run the converted model; what it refuses is MF3103, for the original took these inputs. */
export async function runConverted(model: OpenModel, inputs: Tensors): Promise<Tensors> {
  const own: Record<string, Tensor> = {};
  // An input that the original ignores is not in the converted model.
  for (const { name } of model.signature.inputs) {
    const tensor = inputs[name];
    if (tensor) own[name] = tensor;
  }
  return await model.run(own).catch((cause: unknown) => {
    const given = Object.entries(own).map(([name, { dtype, shape }]) => `${name}: ${dtype} [${shape.join(', ')}]`);
    const said = cause instanceof Error ? cause.message : String(cause);
    throw failure('MF3103', `The converted model refuses inputs that the original takes: ${said}`, { detail: given, cause });
  });
}

/** One answer by name; MF3103 when there is none. */
export function answerFor(name: string, answers: Tensors): Tensor {
  const answer = answers[name];
  if (!answer) throw failure('MF3103', `The converted model has no output ${name}; it has ${Object.keys(answers).join(', ')}`);
  return answer;
}
