import type { Signature } from './facts.ts';
import { copyOf, isStrings, type Tensor, type Tensors } from './tensor.ts';

/** What the worker thread is started with. */
export interface WorkerTask {
  readonly path: string;
  readonly threads: number;
}

/** What the worker thread is told; `close` is obeyed when every run before it is done. */
export type WorkerRequest = { readonly type: 'run'; readonly id: number; readonly inputs: Tensors } | { readonly type: 'close' };

export type WorkerReply =
  | { readonly type: 'loaded'; readonly signature: Signature; readonly omittedOutputs: readonly string[] }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'done'; readonly id: number; readonly outputs: Tensors }
  | { readonly type: 'refused'; readonly id: number; readonly message: string };

/**
 * Tensors in memory of their own, with the list of buffers to hand over. A tensor may be a view of a whole dataset or of a pool:
 * handing that over would take it from its owner, and cloning it would copy all of it. One copy of what is needed costs far less than a run.
 */
export function packed(tensors: Tensors): { readonly tensors: Tensors; readonly buffers: readonly ArrayBuffer[] } {
  const buffers: ArrayBuffer[] = [];
  const copies: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    if (isStrings(tensor.data)) {
      copies[name] = tensor;
      continue;
    }
    const data = copyOf(tensor.data);
    if (data.buffer instanceof ArrayBuffer) buffers.push(data.buffer);
    copies[name] = { ...tensor, data };
  }
  return { tensors: copies, buffers };
}
