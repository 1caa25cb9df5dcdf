/** Paths whose answers can be compared: predictions, in the three protocols that the serving runtime speaks. */
export function isPrediction(path: string): boolean {
  const query = path.indexOf('?');
  const bare = query < 0 ? path : path.slice(0, query);
  return bare === '/predict' || /^\/v2\/models\/[^/]+(\/versions\/[^/]+)?\/infer$/.test(bare) || /^\/v1\/models\/.+:predict$/.test(bare);
}

/** Numbers and texts of one prediction: a row. */
type Row = readonly (number | string | boolean | null)[];

/**
 * Do two answers to the same request say the same? Undefined when they cannot be compared: no JSON, or no predictions in it.
 * Of an answer with several rows the one at `point`, 0…1, is looked at: so the share of requests that disagree is the share of predictions that do.
 */
export function agree(left: string, right: string, tolerance: number, point: number): boolean | undefined {
  if (left === right) return true;
  const [ours, theirs] = [predictionsOf(left), predictionsOf(right)];
  if (ours === undefined) return undefined;
  if (theirs === undefined || ours.length !== theirs.length) return false;
  return ours.every((rows, output) => {
    const others = theirs[output] ?? [];
    if (rows.length !== others.length) return false;
    const at = Math.min(rows.length - 1, Math.floor(point * rows.length));
    return sameRow(rows[at] ?? [], others[at] ?? [], tolerance);
  });
}

/** For each output its rows. Labels that the server made of an output stand for it. */
function predictionsOf(text: string): readonly (readonly Row[])[] | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { label, labels, outputs, output, predictions } = answer as Readonly<Record<string, unknown>>;
  if (label !== undefined) return [[[String(label)]]];
  if (Array.isArray(labels)) return [labels.map((each) => [String(each)])];
  if (Array.isArray(outputs)) return outputs.every(isTensor) ? outputs.map(rowsOfTensor) : [rowsOf(outputs)];
  if (typeof outputs === 'object' && outputs !== null) return Object.values(outputs).map(rowsOf);
  if (output !== undefined) return [rowsOf(output)];
  return Array.isArray(predictions) ? [rowsOf(predictions)] : undefined;
}

interface Tensor {
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && Array.isArray((value as Tensor).shape) && Array.isArray((value as Tensor).data);
}

function rowsOfTensor({ shape, data }: Tensor): readonly Row[] {
  const values = leaves(data);
  const width = shape.length < 2 ? 1 : Math.max(1, values.length / Math.max(1, shape[0] ?? 1));
  return Array.from({ length: Math.ceil(values.length / width) }, (_, row) => values.slice(row * width, (row + 1) * width));
}

/** A list of lists or of records has a row in each; a list of plain values is one. */
function rowsOf(value: unknown): readonly Row[] {
  if (!Array.isArray(value)) return [leaves(value)];
  return value.some((each) => typeof each === 'object' && each !== null) ? value.map(leaves) : [leaves(value)];
}

function leaves(value: unknown): Row {
  if (Array.isArray(value)) return value.flatMap(leaves);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leaves);
  return [value as Row[number]];
}

function sameRow(left: Row, right: Row, tolerance: number): boolean {
  if (left.length !== right.length) return false;
  if (!isNumbers(left) || !isNumbers(right)) return left.every((value, at) => value === right[at]);
  const [only, other] = [left[0] ?? 0, right[0] ?? 0];
  if (left.length > 1) return largest(left) === largest(right) && (isDistribution(left) || isNear(left, right, tolerance));
  // One number between 0 and 1 is taken for a probability.
  if (isShare(only) && isShare(other)) return only >= 0.5 === other >= 0.5 && Math.abs(only - other) <= tolerance;
  return isNear(left, right, tolerance);
}

/** Whole numbers are classes or counts, which agree or do not. */
function isNear(left: readonly number[], right: readonly number[], tolerance: number): boolean {
  if (left.every(Number.isInteger) && right.every(Number.isInteger)) return left.every((value, at) => value === right[at]);
  const lengthOf = (values: readonly number[]): number => Math.hypot(...values);
  const apart = lengthOf(left.map((value, at) => value - (right[at] ?? 0)));
  return apart <= tolerance * Math.max(lengthOf(left), lengthOf(right));
}

/** Probabilities of classes: which one wins is what counts. */
function isDistribution(row: readonly number[]): boolean {
  return row.every(isShare) && Math.abs(row.reduce((sum, value) => sum + value, 0) - 1) < 0.01;
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}

function largest(row: readonly number[]): number {
  return row.reduce((best, value, at) => (value > (row[best] ?? -Infinity) ? at : best), 0);
}

function isNumbers(row: Row): row is readonly number[] {
  return row.every((value) => typeof value === 'number');
}
