import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { ModelflowError } from '../../core/index.ts';
import type { Tensor } from '../../core/serve/index.ts';
import { rowsOf, writeNpy } from '../lib/npy.ts';
import { unreadable } from '../lib/npy-header.ts';
import { type ChosenNames, chooseNames } from './choose.ts';
import type { ChosenArrays, SourceArray, SourceRequest } from './source-array.ts';

/**
 * A table with a header row: the feature columns become one float32 input `x` of shape [rows, columns], the label column becomes `y`,
 * int64 when all its values are whole numbers, float64 when all are numbers, otherwise strings. MF3106 names the line of a bad value.
 */
export async function readTable(path: string, source: string, request: SourceRequest): Promise<ChosenArrays> {
  const delimiter = await delimiterOf(path);
  let columns: Columns | undefined;
  const features: number[] = [];
  const labels: string[] = [];
  for await (const { record, line } of recordsOf(path, source, delimiter, request)) {
    if (columns === undefined) {
      columns = columnsOf(record, request, source);
      continue;
    }
    for (const [index, name] of columns.features) features.push(numberIn(record[index] ?? '', name, line, source));
    if (columns.label !== undefined) labels.push(labelIn(record[columns.label] ?? '', line, source));
    if (request.rows !== undefined && features.length >= request.rows * columns.features.length) break;
  }
  if (columns === undefined) throw unreadable(source, 'the table is empty', 'Its first row must hold the names of the columns.');
  const width = columns.features.length;
  const x: Tensor = { dtype: 'float32', shape: [features.length / width, width], data: Float32Array.from(features) };
  return { inputs: [arrayOf('x', x)], labels: columns.label === undefined ? undefined : arrayOf('y', labelTensor(labels)) };
}

interface Columns {
  readonly features: readonly (readonly [index: number, name: string])[];
  readonly label: number | undefined;
}

interface TableRecord {
  readonly record: readonly string[];
  readonly line: number;
}

async function* recordsOf(path: string, source: string, delimiter: string, request: SourceRequest): AsyncGenerator<TableRecord> {
  const { parse } = await import('csv-parse');
  const parser = parse({ bom: true, delimiter, skip_empty_lines: true, trim: true, info: true, max_record_size: 2 ** 24 });
  // Errors of the file reach the loop through the parser, which `pipeline` destroys with them.
  pipeline(createReadStream(path, { signal: request.signal }), parser, () => undefined);
  try {
    for await (const row of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>)
      yield { record: row.record, line: row.info.lines };
  } catch (cause) {
    if (cause instanceof ModelflowError || request.signal.aborted) throw cause;
    throw unreadable(
      source,
      cause instanceof Error ? cause.message : String(cause),
      'Every row needs as many values as the header.',
      cause,
    );
  }
}

/** Comma, tab or semicolon: whichever the header row has most of. */
async function delimiterOf(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(65_536), 0, 65_536, 0);
    const [header = ''] = buffer.subarray(0, bytesRead).toString('utf8').split(/\r?\n/, 1);
    const counts = [',', '\t', ';'].map((mark) => [mark, header.split(mark).length] as const);
    return counts.reduce((best, next) => (next[1] > best[1] ? next : best))[0];
  } finally {
    await handle.close();
  }
}

function columnsOf(header: readonly string[], request: SourceRequest, source: string): Columns {
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw unreadable(source, `two columns are named ${JSON.stringify(twice)}`);
  const chosen: ChosenNames = chooseNames(header, request, source, 'column');
  // The columns keep the order of the table unless `inputs` gives another: `x` has no special place here.
  const names = request.inputs === undefined ? header.filter((name) => chosen.inputs.includes(name)) : chosen.inputs;
  return {
    features: names.map((name) => [header.indexOf(name), name]),
    label: chosen.labels === undefined ? undefined : header.indexOf(chosen.labels),
  };
}

function numberIn(text: string, column: string, line: number, source: string): number {
  const value = /^(?:nan)$/i.test(text) ? Number.NaN : Number(text);
  if (text !== '' && (!Number.isNaN(value) || /^nan$/i.test(text))) return value;
  const what = text === '' ? 'no value' : `${JSON.stringify(text.slice(0, 40))}, which is no number`;
  throw unreadable(source, `line ${line}, column ${column}: ${what}`, 'Name the numeric columns with `inputs`, or fill the gap.');
}

function labelIn(text: string, line: number, source: string): string {
  if (text === '') throw unreadable(source, `line ${line}: the label is missing`, 'Fill the gap, or drop the row.');
  return text;
}

function labelTensor(values: readonly string[]): Tensor {
  const shape = [values.length];
  if (values.every((value) => /^[+-]?\d{1,18}$/.test(value))) return { dtype: 'int64', shape, data: BigInt64Array.from(values, BigInt) };
  const numbers = values.map(Number);
  if (numbers.every(Number.isFinite)) return { dtype: 'float64', shape, data: Float64Array.from(numbers) };
  return { dtype: 'string', shape, data: values };
}

function arrayOf(name: string, tensor: Tensor): SourceArray {
  return { name, dtype: tensor.dtype, shape: tensor.shape, save: (path, rows) => writeNpy(path, rowsOf(tensor, 0, rows)) };
}
