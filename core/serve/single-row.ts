import type { Processing, TensorSpec } from './facts.ts';
import { ValueError } from './numbers.ts';
import { elementCount, type Tensor } from './tensor.ts';

/**
 * People send one row as often as a batch. A value that has the shape of a row is one row; one whose first axis leaves a row's elements is
 * a batch; and one with a row's elements in another shape (28 × 28 for 784) is one row. Throws a `ValueError` when it is none of them.
 */
export function asBatch(
  spec: TensorSpec,
  input: Processing['input'] | undefined,
  value: Tensor,
): { readonly tensor: Tensor; readonly isSingle: boolean } {
  const batch = { tensor: value, isSingle: false };
  // A scalar, or a rank that nobody knows: as it is.
  if (spec.shape.length === 0) return batch;
  const single = { tensor: { ...value, shape: [1, ...value.shape] }, isSingle: true };
  const row = spec.shape.slice(1);
  const fixed = row.filter((dimension) => dimension !== null);
  if (fixed.length !== row.length) return byRank(spec, input, value.shape.length, batch, single);
  const rowLength = elementCount(fixed);
  const isRow = value.shape.length === row.length && value.shape.every((dimension, axis) => dimension === row[axis]);
  if (isRow) return single;
  if (value.shape.length > 0 && elementCount(value.shape.slice(1)) === rowLength) return batch;
  if (elementCount(value.shape) === rowLength) return single;
  throw new ValueError(`expected rows of ${rowLength} elements, shape [${fixed.join(', ')}], got shape [${value.shape.join(', ')}]`);
}

function byRank<T>(spec: TensorSpec, input: Processing['input'] | undefined, rank: number, batch: T, single: T): T {
  // Raw images of one channel may leave the channel axis out.
  const ranks = input?.image?.channels === 1 ? [spec.shape.length, spec.shape.length - 1] : [spec.shape.length];
  if (rank === spec.shape.length) return batch;
  if (ranks.includes(rank + 1)) return single;
  throw new ValueError(`expected ${spec.shape.length} dimensions, or ${spec.shape.length - 1} for one row, got ${rank}`);
}
