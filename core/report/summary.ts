import type { Headline } from '../spec/artifact.ts';
import { columns, formatChange, formatFact, paint } from './format.ts';

/** A node that has a result, with what its kind finds worth showing. */
export interface SummaryRow {
  readonly node: string;
  readonly kind: string;
  readonly headlines: readonly Headline[];
  readonly facts: unknown;
}

/**
 * What a run came to: a table for each kind with two nodes or more, rows in the order given, the last compared with the first;
 * one line for each other node. Empty when no kind has anything to show.
 */
export function summaryText(rows: readonly SummaryRow[], options: { readonly color?: boolean } = {}): string {
  const color = options.color ?? false;
  const kinds = new Map<string, SummaryRow[]>();
  for (const row of rows) {
    if (shownHeadlines([row]).length === 0) continue;
    kinds.set(row.kind, [...(kinds.get(row.kind) ?? []), row]);
  }
  const groups = [...kinds.values()];
  const tables = groups.filter((group) => group.length > 1).map((group) => table(group, color));
  const singles = groups.filter((group) => group.length === 1).flat();
  return [...tables, ...(singles.length > 0 ? [singleLines(singles, color)] : [])].join('\n\n');
}

function table(rows: readonly SummaryRow[], color: boolean): string {
  const [first, last] = [rows[0], rows[rows.length - 1]];
  if (first === undefined || last === undefined) return '';
  const headlines = shownHeadlines(rows);
  const cells = rows.map((row) => [`  ${row.node}`, ...headlines.map(({ fact, unit }) => formatFact(factAt(row.facts, fact), unit))]);
  const change = headlines.map(({ fact, unit }) => formatChange(factAt(first.facts, fact), factAt(last.facts, fact), unit));
  const head = [paint(color, 'bold', first.kind), ...headlines.map((headline) => paint(color, 'dim', headline.label))];
  const foot = [paint(color, 'dim', `  ${first.node} -> ${last.node}`), ...change.map((text) => paint(color, 'bold', text))];
  const right = new Set(headlines.flatMap(({ unit }, index) => (unit === 'text' ? [] : [index + 1])));
  const hasChange = change.some((text) => text !== '');
  return columns([head, ...cells, ...(hasChange ? [foot] : [])], right).join('\n');
}

function singleLines(rows: readonly SummaryRow[], color: boolean): string {
  const lines = rows.map((row) => {
    const facts = shownHeadlines([row]).map(
      ({ fact, label, unit }) => `${paint(color, 'dim', label)} ${formatFact(factAt(row.facts, fact), unit)}`,
    );
    return [row.node, paint(color, 'dim', row.kind), facts.join(', ')];
  });
  return columns(lines).join('\n');
}

/** The headlines of the kind that at least one row has a value for. */
function shownHeadlines(rows: readonly SummaryRow[]): readonly Headline[] {
  return (rows[0]?.headlines ?? []).filter(({ fact }) => rows.some((row) => factAt(row.facts, fact) !== undefined));
}

/** The value at a dotted path. */
export function factAt(facts: unknown, path: string): unknown {
  let value = facts;
  for (const key of path.split('.'))
    value = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  return value;
}
