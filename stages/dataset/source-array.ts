import type { Dtype } from '../../core/serve/index.ts';
import type { WantedNames } from './choose.ts';

/** An array of a source that can be saved as .npy. */
export interface SourceArray {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Write the first `rows` rows as little-endian, C-order .npy. */
  save(path: string, rows: number): Promise<void>;
}

export interface ChosenArrays {
  readonly inputs: readonly SourceArray[];
  readonly labels: SourceArray | undefined;
}

export interface SourceRequest extends WantedNames {
  /** At most so many rows will be saved. */
  readonly rows?: number | undefined;
  /** An empty folder for what is unpacked; it belongs to the caller and must outlive the arrays. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}
