import { formatPercent } from '../format.ts';
import { html, type Markup, nothing } from './html.ts';
import { table } from './parts.ts';

/** A table of more labels cannot be read: those that are confused most are shown, and how many are left out is said. */
const shownLabels = 24;
const listedConfusions = 10;

interface Matrix {
  readonly labels: readonly string[];
  readonly counts: readonly (readonly number[])[];
  /** What a row and a column are. */
  readonly rows: string;
  readonly columns: string;
}

/** Counts with a heat behind them: agreement in one colour, confusion in another, each as a share of its row. Nothing for what is no matrix. */
export function matrix(title: string, given: unknown): Markup {
  const whole = matrixOf(given);
  if (!whole || whole.labels.length === 0) return nothing;
  const shown = whole.labels.length > shownLabels ? mostConfused(whole) : whole.labels.map((_, index) => index);
  const head = [
    html`<span>${whole.columns} →</span><span>${whole.rows} ↓</span>`,
    ...shown.map((column) => html`<bdi>${whole.labels[column]}</bdi>`),
  ];
  const rows = shown.map((row) => {
    const sum = (whole.counts[row] ?? []).reduce((total, each) => total + each, 0);
    const cells = shown.map((column) => cell(whole, row, column, sum));
    return html`<tr><th scope="row"><bdi>${whole.labels[row]}</bdi></th>${cells}</tr>`;
  });
  const left = whole.labels.length - shown.length;
  const note =
    left > 0 ? html`<p class="note">The ${shown.length} labels with the most confusion; ${left} others are left out.</p>` : undefined;
  return html`${note}${table(title, head, rows, { class: 'matrix' })}${confusions(whole)}`;
}

function matrixOf(given: unknown): Matrix | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { labels, counts, rows, columns } = given as Readonly<Record<string, unknown>>;
  if (!Array.isArray(labels) || !Array.isArray(counts) || counts.length !== labels.length) return undefined;
  const isTable = counts.every(
    (row: unknown) => Array.isArray(row) && row.length === labels.length && row.every((each) => typeof each === 'number'),
  );
  if (!isTable) return undefined;
  return {
    labels: labels.map(String),
    counts: counts as readonly (readonly number[])[],
    rows: typeof rows === 'string' ? rows : 'row',
    columns: typeof columns === 'string' ? columns : 'column',
  };
}

function cell({ labels, counts, rows, columns }: Matrix, row: number, column: number, sum: number): Markup {
  const count = counts[row]?.[column] ?? 0;
  const share = sum > 0 ? count / sum : 0;
  const isRight = row === column;
  // A confusion of a tenth is already bad: its colour is full at a quarter.
  const level = count === 0 ? 0 : Math.max(1, Math.min(9, Math.ceil((isRight ? share : Math.min(1, share * 4)) * 9)));
  const title = `${rows} ${labels[row]}, ${columns} ${labels[column]}: ${count}, ${formatPercent(share)} of the row`;
  return html`<td class="${level === 0 ? 'none' : `${isRight ? 'right' : 'wrong'}-${level}`}" title="${title}">${count}</td>`;
}

interface Confusion {
  readonly row: number;
  readonly column: number;
  readonly count: number;
}

function confusionsOf({ counts }: Matrix): readonly Confusion[] {
  return counts
    .flatMap((cells, row) => cells.flatMap((count, column) => (row === column || count === 0 ? [] : [{ row, column, count }])))
    .sort((a, b) => b.count - a.count || a.row - b.row || a.column - b.column);
}

/** The same in words, worst first. */
function confusions(whole: Matrix): Markup {
  const all = confusionsOf(whole);
  if (all.length === 0) return html`<p class="note">Nothing was confused.</p>`;
  const items = all
    .slice(0, listedConfusions)
    .map(({ row, column, count }) => html`<li><bdi>${whole.labels[row]}</bdi> taken for <bdi>${whole.labels[column]}</bdi>: ${count}</li>`);
  return html`<details><summary>What is confused most</summary><ol>${items}</ol></details>`;
}

function mostConfused(whole: Matrix): readonly number[] {
  const weight = new Array<number>(whole.labels.length).fill(0);
  for (const { row, column, count } of confusionsOf(whole)) {
    weight[row] = (weight[row] ?? 0) + count;
    weight[column] = (weight[column] ?? 0) + count;
  }
  return [...weight.keys()]
    .sort((a, b) => (weight[b] ?? 0) - (weight[a] ?? 0))
    .slice(0, shownLabels)
    .sort((a, b) => a - b);
}
