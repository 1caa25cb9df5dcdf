import type { Signature, TensorSpec } from './facts.ts';
import { badRequest } from './request-error.ts';
import type { Tensor, Tensors } from './tensor.ts';

/** Throws a 400 that says what was expected and what came, unless the tensors are the model's inputs, each with its type and a shape it takes. */
export function checkInputs(signature: Signature, inputs: Tensors): void {
  for (const name of Object.keys(inputs)) {
    if (!signature.inputs.some((spec) => spec.name === name))
      throw badRequest(`unknown input ${JSON.stringify(name)}; ${expected(signature)}`);
  }
  for (const spec of signature.inputs) {
    const tensor = inputs[spec.name];
    if (tensor === undefined) throw badRequest(`input ${JSON.stringify(spec.name)} is missing; ${expected(signature)}`);
    if (!fits(spec, tensor)) {
      const got = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
      throw badRequest(`input ${JSON.stringify(spec.name)}: expected ${describeSpec(spec)}, got ${got}`);
    }
    if (tensor.shape.includes(0))
      throw badRequest(`input ${JSON.stringify(spec.name)} is empty: its shape is [${tensor.shape.join(', ')}]`);
  }
}

/** Throws a 400 unless the model has an input of the name. To be asked before the name is used as a key. */
export function checkName(signature: Signature, name: string): void {
  if (!signature.inputs.some((spec) => spec.name === name))
    throw badRequest(`unknown input ${JSON.stringify(name)}; ${expected(signature)}`);
}

/** A tensor as it is written in errors and metadata: a free dimension is −1. */
export function describeSpec({ dtype, shape }: TensorSpec): string {
  return `${dtype} [${shape.map((dimension) => dimension ?? -1).join(', ')}]`;
}

/** What the model takes, in words. */
export function expected(signature: Signature): string {
  const inputs = signature.inputs.map((spec) => `${JSON.stringify(spec.name)} ${describeSpec(spec)}`).join(', ');
  return `the model takes ${inputs}`;
}

function fits(spec: TensorSpec, tensor: Tensor): boolean {
  if (spec.dtype !== tensor.dtype) return false;
  // No dimensions: a scalar, or a rank that the runtime does not know. It will say so itself.
  if (spec.shape.length === 0) return true;
  return (
    spec.shape.length === tensor.shape.length &&
    spec.shape.every((dimension, axis) => dimension === null || dimension === tensor.shape[axis])
  );
}
