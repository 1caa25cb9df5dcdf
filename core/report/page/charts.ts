import type { Chart } from '../../spec/artifact.ts';
import { unreachable } from '../../spec/unreachable.ts';
import { formatFact } from '../format.ts';
import { factAt } from '../summary.ts';
import { html, type Markup, nothing } from './html.ts';
import { matrix } from './matrix.ts';
import { type Part, table } from './parts.ts';
import type { PageNode, RunRecord, ShownKind } from './record.ts';
import { tradeOff } from './trade-off.ts';

/** A table of more rows than this is cut. */
const shownRows = 200;

/** The pictures that the kinds of this run's artifacts declare. */
export function chartsPart(record: RunRecord): Part | undefined {
  const nodes = record.nodes.filter(({ view }) => view.facts !== undefined);
  const figures = [...record.kinds.values()].flatMap((kind) => {
    const ofKind = nodes.filter((node) => node.kind === kind.name);
    return ofKind.length === 0 ? [] : kind.charts.map((chart) => figure(chart, kind, ofKind, record));
  });
  const shown = figures.filter(({ markup }) => markup !== '');
  return shown.length === 0 ? undefined : { id: 'charts', title: 'Charts', body: html`${shown}` };
}

function figure(chart: Chart, kind: ShownKind, nodes: readonly PageNode[], record: RunRecord): Markup {
  switch (chart.chart) {
    case 'trade-off':
      return tradeOff(chart, kind, nodes, record.baseline);
    case 'matrix':
      return side(chart.title, nodes, (node) =>
        matrix(`${chart.title} of ${node.name}`, factAt(record.file(node.name, chart.file), chart.at)),
      );
    case 'table':
      return side(chart.title, nodes, (node) => rowsTable(chart, node, record));
    default:
      return unreachable(chart);
  }
}

/** One beside the other, each under its stage. Nothing when no artifact has it. */
function side(title: string, nodes: readonly PageNode[], each: (node: PageNode) => Markup): Markup {
  const drawn = nodes.map((node) => [node, each(node)] as const).filter(([, { markup }]) => markup !== '');
  if (drawn.length === 0) return nothing;
  const figures = drawn.map(
    ([node, drawing]) =>
      html`<figure><figcaption><h4><a href="#stage-${node.index}"><bdi>${node.name}</bdi></a></h4></figcaption>${drawing}</figure>`,
  );
  return html`<h3>${title}</h3><div class="side">${figures}</div>`;
}

function rowsTable(chart: Extract<Chart, { chart: 'table' }>, node: PageNode, record: RunRecord): Markup {
  const rows = factAt(record.file(node.name, chart.file), chart.at);
  if (!Array.isArray(rows) || rows.length === 0) return nothing;
  const cells = rows
    .slice(0, shownRows)
    .map(
      (row: unknown) =>
        html`<tr>${chart.columns.map(({ fact, unit }) => html`<td class="${unit === 'text' ? '' : 'number'}">${formatFact(factAt(row, fact), unit)}</td>`)}</tr>`,
    );
  const cut =
    rows.length > shownRows
      ? html`<p class="note">${rows.length - shownRows} more rows are in ${chart.file} of the artifact.</p>`
      : undefined;
  const content = table(
    `${chart.title} of ${node.name}`,
    chart.columns.map(({ label }) => label),
    cells,
  );
  return html`<details><summary>${rows.length} rows</summary>${content}${cut}</details>`;
}
