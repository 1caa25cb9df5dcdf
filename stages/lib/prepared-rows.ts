import { join } from 'node:path';
import { type Artifact, failure, type StageContext } from '../../core/index.ts';
import { type Processing, preprocess, type Signature, type Tensor, type TensorSpec, ValueError } from '../../core/serve/index.ts';
import { type DataRows, matchInputs, openRows } from '../evaluate/rows.ts';
import type { Dataset } from '../kinds.ts';
import { writeNpy, writeNpyRows } from './npy.ts';

/** Rows as the model takes them, one .npy file per input. */
export interface PreparedRows {
  readonly rows: number;
  /** Input of the model → path. */
  readonly files: Readonly<Record<string, string>>;
  /** Row of the dataset that became row `index`. */
  rowOf(index: number): number;
}

export interface PrepareRequest {
  readonly data: Artifact<typeof Dataset>;
  readonly signature: Signature;
  readonly processing: Processing;
  /** At most so many, spread evenly over the dataset: one sorted by class must not give a single class. All of them by default. */
  readonly rows: number | undefined;
  readonly folder: string;
}

const rowsAtOnce = 64;

/** Write the rows of a dataset as the model takes them, with the processing that serving uses. MF3105 when they do not fit the model. */
export async function prepareRows(ctx: Pick<StageContext, 'signal'>, request: PrepareRequest): Promise<PreparedRows> {
  const data = await openRows(request.data);
  try {
    const total = data.rows;
    const rows = Math.min(request.rows ?? total, total);
    if (rows === 0) throw failure('MF3105', 'The dataset has no rows');
    const rowOf = (index: number): number => (rows === total ? index : Math.floor((index * total) / rows));
    const match = matchInputs(data.names, request.signature.inputs);
    const files: Record<string, string> = {};
    for (const [index, spec] of request.signature.inputs.entries()) {
      const path = join(request.folder, `prepared-${index}.npy`);
      const pieces = piecesOf(ctx, data, { name: match.get(spec.name) ?? '', spec, rows, rowOf, processing: request.processing });
      await writePieces(path, rows, pieces);
      files[spec.name] = path;
    }
    return { rows, files, rowOf };
  } finally {
    await data.close();
  }
}

interface Pieces {
  readonly name: string;
  readonly spec: TensorSpec;
  readonly rows: number;
  readonly rowOf: (index: number) => number;
  readonly processing: Processing;
}

async function* piecesOf(
  ctx: Pick<StageContext, 'signal'>,
  data: DataRows,
  { name, spec, rows, rowOf, processing }: Pieces,
): AsyncGenerator<Tensor> {
  // Rows are written one after the other, however many the model takes at a time.
  const anyBatch = { ...spec, shape: spec.shape.map((size, axis) => (axis === 0 ? null : size)) };
  const step = rows === data.rows ? rowsAtOnce : 1;
  for (let index = 0; index < rows; index += step) {
    ctx.signal.throwIfAborted();
    const from = rowOf(index);
    const raw = await data.read(name, from, Math.min(from + step, data.rows));
    yield prepared(processing, anyBatch, raw);
  }
}

function prepared(processing: Processing, spec: TensorSpec, raw: Tensor): Tensor {
  try {
    return preprocess(processing, spec, raw);
  } catch (cause) {
    if (!(cause instanceof ValueError)) throw cause;
    throw failure('MF3105', `Input ${spec.name}: ${cause.message}`, {
      hint: 'Change the data, or the `processing` that is declared for the model.',
      cause,
    });
  }
}

async function writePieces(path: string, rows: number, pieces: AsyncGenerator<Tensor>): Promise<void> {
  const { value: first, done } = await pieces.next();
  if (done || !first) throw new Error('rows without a first piece');
  const whole = async function* (): AsyncGenerator<Tensor> {
    yield first;
    yield* pieces;
  };
  const shape = [rows, ...first.shape.slice(1)];
  if (first.dtype !== 'string') return await writeNpyRows(path, first.dtype, shape, whole());
  const texts: string[] = [];
  for await (const piece of whole()) texts.push(...(piece.data as readonly string[]));
  await writeNpy(path, { dtype: 'string', shape, data: texts });
}
