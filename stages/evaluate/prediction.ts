import { failure, nearest } from '../../core/index.ts';
import { isStrings, type Tensor } from '../../core/serve/index.ts';

/** What a model said of all rows, after the declared post-processing, and how long single rows took. */
export interface Prediction {
  readonly outputName: string;
  readonly output: Tensor;
  readonly latency: Latency;
}

export interface Latency {
  /** One run each, of `rowsPerRun` rows. */
  readonly samplesMs: readonly number[];
  /** 1, unless the model takes a fixed number of rows. */
  readonly rowsPerRun: number;
}

/** The output to measure: the first, or the one that is named. MF3105 for a name that is not there. */
export function chooseOutput(names: readonly string[], wanted: string | undefined): string {
  const [first] = names;
  const found = wanted === undefined ? first : names.find((name) => name === wanted);
  if (found !== undefined) return found;
  const near = wanted === undefined ? undefined : nearest(wanted, names);
  throw failure('MF3105', `The model has no output ${wanted ?? ''}; it has ${names.join(', ')}`, {
    hint: near === undefined ? 'Name one of its outputs with `output`.' : `Did you mean ${near}?`,
  });
}

/** The rows of all pieces, one after the other. The pieces have the same dtype and the same shape but for the rows. */
export function joinRows(pieces: readonly Tensor[]): Tensor {
  const [first] = pieces;
  if (!first) throw new RangeError('nothing to join');
  if (pieces.length === 1) return first;
  const rows = pieces.reduce((sum, piece) => sum + (piece.shape[0] ?? 0), 0);
  const shape = [rows, ...first.shape.slice(1)];
  const { dtype, data } = first;
  if (isStrings(data)) return { dtype, shape, data: pieces.flatMap((piece) => (isStrings(piece.data) ? piece.data : [])) };
  const length = pieces.reduce((sum, piece) => sum + piece.data.length, 0);
  const joined = new Uint8Array(length * data.BYTES_PER_ELEMENT);
  let offset = 0;
  for (const piece of pieces) {
    if (isStrings(piece.data)) continue;
    joined.set(new Uint8Array(piece.data.buffer, piece.data.byteOffset, piece.data.byteLength), offset);
    offset += piece.data.byteLength;
  }
  const Elements = data.constructor as new (buffer: ArrayBuffer) => typeof data;
  return { dtype, shape, data: new Elements(joined.buffer) };
}

/** The value below which a share of the samples lies, with linear interpolation between neighbours, as NumPy has it. 0 without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}
