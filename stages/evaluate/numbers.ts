import { isStrings, type Tensor, toNumbers } from '../../core/serve/index.ts';

/** The elements as plain numbers: float16 widened, 64-bit integers as doubles. Undefined for strings. */
export function numbersOf(tensor: Tensor): ArrayLike<number> | undefined {
  return isStrings(tensor.data) ? undefined : toNumbers(tensor);
}

export function isFloating(tensor: Tensor): boolean {
  return tensor.dtype === 'float32' || tensor.dtype === 'float64' || tensor.dtype === 'float16';
}

/** Where the first NaN or infinity stands; undefined when there is none. */
export function firstNotFinite(values: ArrayLike<number>): number | undefined {
  for (let index = 0; index < values.length; index++) if (!Number.isFinite(values[index])) return index;
  return undefined;
}
