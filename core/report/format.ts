import { stripVTControlCharacters, styleText } from 'node:util';
import type { FactUnit } from '../spec/artifact.ts';
import { unreachable } from '../spec/unreachable.ts';

/** Formats of `util.styleText`. */
export type Style = Parameters<typeof styleText>[0];

/** Text in a style, or as it is: nothing may be told by colour alone. */
export function paint(color: boolean, style: Style, text: string): string {
  return color && text !== '' ? styleText(style, text, { validateStream: false }) : text;
}

/** `999 B`, `1.2 kB`, `34 MB`: base 1000, two digits at least. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = Math.abs(bytes);
  let unit = 0;
  // 999.6 kB would be shown as 1000 kB.
  while (unit < units.length - 1 && Math.round(value) >= 1000) {
    value /= 1000;
    unit++;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${bytes < 0 ? '-' : ''}${value.toFixed(digits)} ${units[unit]}`;
}

/** A measured duration: `0.021 ms`, `3.4 ms`, `120 ms`, `1.5 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatMs(milliseconds: number): string {
  const ms = Math.abs(milliseconds);
  const sign = milliseconds < 0 ? '-' : '';
  if (ms === 0) return '0 ms';
  if (ms < 999.5) return `${sign}${significant(ms, ms < 0.1 ? 2 : ms < 99.95 ? 2 : 3)} ms`;
  if (ms < 9_950) return `${sign}${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${sign}${seconds} s`;
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)} min ${pad2(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${sign}${Math.floor(minutes / 60)} h ${pad2(minutes % 60)} min`;
}

function pad2(value: number): string {
  return String(value).padStart(2, '0');
}

/** A share of 1 as percent, two decimals: accuracies differ in the second. */
export function formatPercent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Without an exponent while it can be read, with one where zeros would have to be counted. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0 || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-4 || size >= 1e6 ? value.toExponential(2) : significant(value, 4);
}

function significant(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** A fact in its unit; a value that is missing or not of the unit's sort is shown as it is. */
export function formatFact(value: unknown, unit: FactUnit): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'number') return oneLine(typeof value === 'string' ? value : JSON.stringify(value));
  switch (unit) {
    case 'percent':
      return formatPercent(value);
    case 'bytes':
      return formatBytes(value);
    case 'milliseconds':
      return formatMs(value);
    case 'count':
    case 'number':
    case 'text':
      return formatNumber(value);
    default:
      return unreachable(unit);
  }
}

/** From the first to the last: points for a share, percent for the rest, nothing where a difference says nothing. */
export function formatChange(first: unknown, last: unknown, unit: FactUnit): string {
  if (typeof first !== 'number' || typeof last !== 'number') return first === last || unit !== 'text' ? '' : 'changed';
  const difference = last - first;
  if (unit === 'percent') return `${signed(difference * 100, 2)} points`;
  if (difference === 0) return '0 %';
  if (first === 0) return signedText(formatFact(difference, unit), difference);
  return `${signed((difference / Math.abs(first)) * 100, 1)} %`;
}

function signed(value: number, digits: number): string {
  return signedText(value.toFixed(digits), value);
}

function signedText(text: string, value: number): string {
  return value > 0 ? `+${text}` : text;
}

/** Any value on one line, at most `limit` characters. */
export function formatValue(value: unknown, limit = 80): string {
  return clip(oneLine(JSON.stringify(value) ?? String(value)), limit);
}

/** On one line, without colours and other terminal escapes; control characters that are left are shown as `\uFFFD`. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\p{Cc}/gu, '\uFFFD');
}

export function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/** The first twelve digits of a digest: enough to tell two apart, and short enough to read out. */
export function shortDigest(digest: string): string {
  return /^[0-9a-f]{20,}$/.test(digest) ? digest.slice(0, 12) : digest;
}

/** Rows as columns, two spaces apart; nothing at the end of a line. `right`: the columns that are flush right. */
export function columns(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
  return rows.map((row) =>
    row
      .map((cell, index) => {
        // Nothing stands behind the last cell, and one that is very long must not widen every line.
        if (index === row.length - 1 && !right.has(index)) return cell;
        const gap = ' '.repeat((widths[index] ?? 0) - widthOf(cell));
        return right.has(index) ? gap + cell : cell + gap;
      })
      .join('  ')
      .trimEnd(),
  );
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}
