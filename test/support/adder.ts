import { onnxModel } from '../serve/onnx-model.ts';
import type { LoadOptions } from './load.ts';

/** y = x + add, [N, 1]: a model whose answer tells which one it is. */
export function adds(add: number): Uint8Array {
  const value = (name: string) => ({ name, dtype: 'float32' as const, shape: ['N', 1] });
  return onnxModel({
    inputs: [value('x')],
    outputs: [value('y')],
    nodes: [{ op: 'Add', inputs: ['x', 'b'], outputs: ['y'] }],
    initializers: [{ name: 'b', dtype: 'float32', shape: [1], data: Float32Array.of(add) }],
  });
}

/** What the service makes of 0, which is what its model adds. A connection of its own: a kept one may get a last answer from a release that drains. */
export async function answerAt(url: string): Promise<number> {
  const response = await fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: '{"input": [0]}',
  });
  return ((await response.json()) as { readonly output: readonly number[] }).output[0] ?? Number.NaN;
}

/** Requests of which every answer has to be that of one of these models. */
export function asking(isOne: (added: number) => boolean): LoadOptions {
  return {
    body: '{"input": [0]}',
    judge(text) {
      const added = (JSON.parse(text) as { readonly output?: readonly number[] }).output?.[0];
      return added !== undefined && isOne(added) ? undefined : `answered ${text.slice(0, 200)}`;
    },
  };
}
