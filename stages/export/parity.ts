import { isStrings, type Tensor, toNumbers } from '../../core/serve/index.ts';

/** Two values a (original) and b (converted) agree when |a − b| ≤ absolute + relative · |a|. */
export interface Tolerance {
  readonly absoluteTolerance: number;
  readonly relativeTolerance: number;
}

/** One output of the two models, over all rows compared so far. */
export interface OutputParity {
  readonly name: string;
  /** Infinity where one side is not a number, or the shapes differ. */
  readonly maxAbsoluteError: number;
  /** |a − b| / |a|, over the elements with |a| above the absolute tolerance. */
  readonly maxRelativeError: number;
  readonly elements: number;
  /** Elements beyond the tolerance. */
  readonly beyond: number;
  /** The element that is furthest beyond the tolerance; undefined when all agree. */
  readonly worst: Difference | undefined;
}

export interface Difference {
  readonly row: number;
  /** Place within the row, row-major. */
  readonly element: number;
  readonly original: string;
  readonly converted: string;
  readonly absoluteError: number;
}

/** Compare one output for some rows; `firstRow` is the number of the first of them. */
export function compareOutput(name: string, original: Tensor, converted: Tensor, tolerance: Tolerance, firstRow = 0): OutputParity {
  if (original.shape.join() !== converted.shape.join()) return shapesDiffer(name, original, converted, firstRow);
  const perRow = original.shape.slice(1).reduce((product, size) => product * size, 1);
  const differ = differenceOf(original, converted, tolerance);
  const elements = original.data.length;
  let [maxAbsoluteError, maxRelativeError, beyond, furthest, at] = [0, 0, 0, 0, -1];
  for (let index = 0; index < elements; index += 1) {
    const { absolute, relative, excess } = differ(index);
    if (absolute > maxAbsoluteError) maxAbsoluteError = absolute;
    if (relative > maxRelativeError) maxRelativeError = relative;
    if (excess <= 0) continue;
    beyond += 1;
    if (excess <= furthest) continue;
    furthest = excess;
    at = index;
  }
  const worst: Difference | undefined =
    at < 0
      ? undefined
      : {
          row: firstRow + Math.floor(at / perRow),
          element: at % perRow,
          original: String(original.data[at]),
          converted: String(converted.data[at]),
          absoluteError: differ(at).absolute,
        };
  return { name, maxAbsoluteError, maxRelativeError, elements, beyond, worst };
}

interface ElementDifference {
  readonly absolute: number;
  readonly relative: number;
  /** By how much the difference is above what the tolerance allows. */
  readonly excess: number;
}

const equal: ElementDifference = { absolute: 0, relative: 0, excess: 0 };
const incomparable: ElementDifference = { absolute: Infinity, relative: 0, excess: Infinity };

function differenceOf(original: Tensor, converted: Tensor, tolerance: Tolerance): (index: number) => ElementDifference {
  if (isStrings(original.data) || isStrings(converted.data)) {
    const [a, b] = [original.data, converted.data];
    return (index) => (a[index] === b[index] ? equal : incomparable);
  }
  const [a, b] = [toNumbers(original), toNumbers(converted)];
  const { absoluteTolerance, relativeTolerance } = tolerance;
  return (index) => {
    const [x, y] = [a[index] ?? Number.NaN, b[index] ?? Number.NaN];
    // Not a number on both sides, or the same infinity, is the same answer.
    if (Object.is(x, y) || x === y) return equal;
    const absolute = Math.abs(x - y);
    if (!Number.isFinite(absolute)) return incomparable;
    const relative = Math.abs(x) > absoluteTolerance ? absolute / Math.abs(x) : 0;
    return { absolute, relative, excess: absolute - (absoluteTolerance + relativeTolerance * Math.abs(x)) };
  };
}

function shapesDiffer(name: string, original: Tensor, converted: Tensor, row: number): OutputParity {
  const worst = {
    row,
    element: 0,
    original: `shape [${original.shape.join(', ')}]`,
    converted: `shape [${converted.shape.join(', ')}]`,
    absoluteError: Infinity,
  };
  const elements = original.data.length;
  return { name, maxAbsoluteError: Infinity, maxRelativeError: 0, elements, beyond: Math.max(elements, 1), worst };
}

/** What is known of the same output after more rows. */
export function joinParity(before: OutputParity | undefined, more: OutputParity): OutputParity {
  if (!before) return more;
  const worse = (more.worst?.absoluteError ?? 0) > (before.worst?.absoluteError ?? 0) ? more.worst : (before.worst ?? more.worst);
  return {
    name: more.name,
    maxAbsoluteError: Math.max(before.maxAbsoluteError, more.maxAbsoluteError),
    maxRelativeError: Math.max(before.maxRelativeError, more.maxRelativeError),
    elements: before.elements + more.elements,
    beyond: before.beyond + more.beyond,
    worst: worse,
  };
}

/** One line for the report of a mismatch; `rowOf` gives the number that the user knows a row by. */
export function describeParity(output: OutputParity, rowOf = (row: number): number => row): string {
  const error = `largest absolute error ${round(output.maxAbsoluteError)}, relative ${round(output.maxRelativeError)}`;
  if (!output.worst) return `output ${output.name}: agrees (${error})`;
  const { row, element, original, converted } = output.worst;
  const where = `row ${rowOf(row)}, element ${element}: original ${original}, converted ${converted}`;
  return `output ${output.name}: ${output.beyond} of ${output.elements} values beyond the tolerance (${error}); worst at ${where}`;
}

/** Three digits; whole orders of magnitude matter here. */
export function round(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : 'not a finite number';
}
