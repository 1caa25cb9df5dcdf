import { failure, type ModelflowError, nearest } from '../../core/index.ts';
import { isStrings, type Processing, type Tensor } from '../../core/serve/index.ts';
import { firstNotFinite, isFloating, numbersOf } from './numbers.ts';

export type Task = 'binary' | 'multiclass' | 'regression';

/** What a model said of every row, and what is true. Classes are indexes into `names`. */
export type Judged =
  | {
      readonly task: 'binary';
      readonly actual: Int32Array;
      /** One number per row: the larger, the more likely the second class. Undefined when the model gives classes only. */
      readonly scores: ArrayLike<number> | undefined;
      readonly predicted: Int32Array | undefined;
      readonly names: readonly string[];
    }
  | {
      readonly task: 'multiclass';
      readonly actual: Int32Array;
      /** One number per row and class. Undefined when the model gives classes only. */
      readonly scores: ArrayLike<number> | undefined;
      readonly predicted: Int32Array | undefined;
      readonly names: readonly string[];
    }
  | { readonly task: 'regression'; readonly actual: ArrayLike<number>; readonly predicted: ArrayLike<number>; readonly outputs: number };

export interface JudgeRequest {
  readonly labels: Tensor;
  readonly output: Tensor;
  readonly outputName: string;
  readonly processing: Processing;
  readonly task: Task | undefined;
}

function misfit(message: string, hint?: string): ModelflowError {
  return failure('MF3105', message, hint === undefined ? {} : { hint });
}

/**
 * Lay truth and output side by side. The task, when it is not given: float labels are regression (unless the processing declares classes),
 * two classes with one output are binary, anything else with classes is multiclass. MF3105 when truth and output do not fit each other.
 */
export function judge(request: JudgeRequest): Judged {
  const { output, outputName } = request;
  const rows = output.shape[0] ?? 1;
  const width = rows === 0 ? 0 : output.data.length / rows;
  const values = numbersOf(output);
  const bad = values ? firstNotFinite(values) : undefined;
  if (bad !== undefined)
    throw misfit(
      `output ${outputName} is ${values?.[bad]} in row ${Math.floor(bad / width)}`,
      'A model that gives no number cannot be measured.',
    );
  const task = request.task ?? taskOf(request, width);
  if (task === 'regression') return regression(request, values, width);
  const given = values === undefined || !isFloating(output) ? output : undefined;
  if (given && width === 1) return fromClasses(request, task);
  if (values === undefined) throw misfit(`output ${outputName} holds strings, ${width} a row; one is expected`);
  return task === 'binary' ? binary(request, values, width) : multiclass(request, values, width);
}

function taskOf({ labels, output, processing }: JudgeRequest, width: number): Task {
  const truth = numbersOf(labels);
  const perRow = labels.data.length / (output.shape[0] ?? 1);
  if (truth === undefined) return width === 1 && isFloating(output) ? 'binary' : 'multiclass';
  if (perRow > 1) return isOneHot(truth, perRow) ? (width === 1 ? 'binary' : 'multiclass') : 'regression';
  const distinct = distinctUpTo(truth, 3);
  const isBinary = distinct.length === 2 || distinct.every((value) => value === 0 || value === 1);
  if (!isFloating(output)) return 'multiclass';
  if (!isFloating(labels)) return width > 1 ? 'multiclass' : isBinary ? 'binary' : 'regression';
  const declared = processing.output.activation === 'sigmoid' || processing.output.labels !== undefined;
  if (width === 1) return declared && isBinary ? 'binary' : 'regression';
  // Whole numbers saved as floats: one class per row, since a regression would need as many labels as outputs.
  return 'multiclass';
}

function distinctUpTo(values: ArrayLike<number>, limit: number): readonly number[] {
  const found = new Set<number>();
  for (let index = 0; index < values.length && found.size < limit; index++) found.add(values[index] ?? 0);
  return [...found].sort((a, b) => a - b);
}

function isOneHot(values: ArrayLike<number>, width: number): boolean {
  for (let start = 0; start < values.length; start += width) {
    let ones = 0;
    for (let index = start; index < start + width; index++) {
      if (values[index] === 1) ones++;
      else if (values[index] !== 0) return false;
    }
    if (ones !== 1) return false;
  }
  return true;
}

function regression({ labels, output, outputName }: JudgeRequest, predicted: ArrayLike<number> | undefined, width: number): Judged {
  const actual = numbersOf(labels);
  if (actual === undefined || predicted === undefined) throw misfit('a regression needs numbers; the labels or the output are strings');
  if (actual.length !== predicted.length)
    throw misfit(`labels of shape (${labels.shape.join(', ')}) do not fit output ${outputName} of shape (${output.shape.join(', ')})`);
  const bad = firstNotFinite(actual);
  if (bad !== undefined) throw misfit(`the label of row ${Math.floor(bad / width)} is ${actual[bad]}`, 'Drop such rows from the data.');
  return { task: 'regression', actual, predicted, outputs: width };
}

function binary(request: JudgeRequest, values: ArrayLike<number>, width: number): Judged {
  const names = request.processing.output.labels;
  if (width === 2) {
    const { actual } = classIndexes(request, 2);
    const scores = Float64Array.from({ length: actual.length }, (_, row) => values[row * 2 + 1] ?? 0);
    const predicted = Int32Array.from(actual, (_, row) => ((values[row * 2 + 1] ?? 0) > (values[row * 2] ?? 0) ? 1 : 0));
    return { task: 'binary', actual, scores, predicted, names: names?.length === 2 ? names : ['0', '1'] };
  }
  if (width !== 1) throw misfit(`output ${request.outputName} has ${width} values a row; a binary task takes 1 or 2`);
  const { actual, names: found } = twoClasses(request);
  return { task: 'binary', actual, scores: values, predicted: undefined, names: found };
}

/** The truth of a model with one output. Of two numbers the larger is the positive class. */
function twoClasses(request: JudgeRequest): { readonly actual: Int32Array; readonly names: readonly string[] } {
  const truth = numbersOf(request.labels);
  const perRow = request.labels.data.length / (request.output.shape[0] ?? 1);
  const declared = request.processing.output.labels;
  const names = declared?.length === 2 ? declared : undefined;
  if (truth === undefined || perRow > 1) return { actual: classIndexes(request, 2).actual, names: names ?? ['0', '1'] };
  const distinct = distinctUpTo(truth, 3);
  if (distinct.every((value) => value === 0 || value === 1)) return { actual: Int32Array.from(truth), names: names ?? ['0', '1'] };
  if (distinct.length !== 2)
    throw misfit(
      `labels with the values ${distinct.join(', ')} are not two classes`,
      'Labels of a binary task are 0 and 1, or any two numbers.',
    );
  return { actual: Int32Array.from(truth, (value) => (value === distinct[1] ? 1 : 0)), names: names ?? distinct.map(String) };
}

function multiclass(request: JudgeRequest, values: ArrayLike<number>, width: number): Judged {
  const { actual, names } = classIndexes(request, width);
  return { task: 'multiclass', actual, scores: values, predicted: undefined, names };
}

/** The truth as indexes 0…classes−1: from one-hot rows, names that the processing declares, or whole numbers. */
function classIndexes(request: JudgeRequest, classes: number): { readonly actual: Int32Array; readonly names: readonly string[] } {
  const { labels, output, outputName, processing } = request;
  const rows = output.shape[0] ?? 1;
  const declared = processing.output.labels;
  if (declared !== undefined && declared.length !== classes)
    throw misfit(
      `the processing names ${declared.length} classes, and output ${outputName} has ${classes}`,
      'Correct `processing.output.labels`, or choose the output with `output`.',
    );
  const names = declared ?? Array.from({ length: classes }, (_, index) => String(index));
  const truth = numbersOf(labels);
  if (truth === undefined && isStrings(labels.data)) return { actual: fromNames(labels.data, declared, rows), names };
  const values = truth ?? [];
  if (values.length === rows) return { actual: fromWholeNumbers(values, classes), names };
  if (values.length === rows * classes && isOneHot(values, classes))
    return { actual: Int32Array.from({ length: rows }, (_, row) => indexOfOne(values, row * classes)), names };
  throw misfit(
    `labels of shape (${labels.shape.join(', ')}) do not fit output ${outputName} of shape (${output.shape.join(', ')})`,
    `Expected ${rows} class numbers from 0 to ${classes - 1}, or ${rows} one-hot rows of ${classes}.`,
  );
}

function indexOfOne(values: ArrayLike<number>, start: number): number {
  let index = 0;
  while (values[start + index] !== 1) index++;
  return index;
}

function fromNames(labels: readonly string[], declared: readonly string[] | undefined, rows: number): Int32Array {
  if (declared === undefined)
    throw misfit(
      'the labels are names, and the processing of the model does not say which class has which',
      'Declare `processing.output.labels`.',
    );
  if (labels.length !== rows) throw misfit(`${labels.length} labels do not fit ${rows} rows`);
  const index = new Map(declared.map((name, at) => [name, at]));
  return Int32Array.from(labels, (label, row) => {
    const found = index.get(label);
    if (found !== undefined) return found;
    const near = nearest(label, declared);
    throw misfit(
      `label ${JSON.stringify(label)} of row ${row} is no class of the model: ${declared.slice(0, 20).join(', ')}`,
      near === undefined ? 'Correct the data or `processing.output.labels`.' : `Did you mean ${near}?`,
    );
  });
}

function fromWholeNumbers(values: ArrayLike<number>, classes: number): Int32Array {
  return Int32Array.from(values, (value, row) => {
    if (Number.isInteger(value) && value >= 0 && value < classes) return value;
    throw misfit(`the label of row ${row} is ${value}; the model has classes 0 to ${classes - 1}`, 'Classes are counted from 0.');
  });
}

/** A model that gives one class per row, a number or a name, and no scores. */
function fromClasses(request: JudgeRequest, task: 'binary' | 'multiclass'): Judged {
  const rows = request.output.shape[0] ?? 1;
  if (request.labels.data.length !== rows) throw misfit(`labels of shape (${request.labels.shape.join(', ')}) do not fit one class a row`);
  const truth = asNames(request.labels, request.processing);
  const guess = asNames(request.output, request.processing);
  const numeric = !isStrings(request.labels.data);
  const known = [...new Set([...truth, ...guess])].sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : 1));
  const names = known.length < 2 && task === 'binary' ? ['0', '1'] : known;
  if (task === 'binary' && names.length > 2)
    throw misfit(`${names.length} classes are there (${names.slice(0, 10).join(', ')}); a binary task has two`);
  const index = new Map(names.map((name, at) => [name, at]));
  const indexes = (list: readonly string[]) => Int32Array.from(list, (name) => index.get(name) ?? 0);
  return { task, actual: indexes(truth), scores: undefined, predicted: indexes(guess), names };
}

function asNames(tensor: Tensor, processing: Processing): readonly string[] {
  if (isStrings(tensor.data)) return tensor.data;
  const declared = processing.output.labels;
  return Array.from(numbersOf(tensor) ?? [], (value) => declared?.[value] ?? String(value));
}
