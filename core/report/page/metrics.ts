import type { Headline } from '../../spec/artifact.ts';
import { formatChange, formatFact } from '../format.ts';
import { factAt } from '../summary.ts';
import { type Html, html, type Markup, nothing } from './html.ts';
import { name, type Part, table } from './parts.ts';
import type { PageNode, RunRecord, ShownKind } from './record.ts';

/** The facts worth showing of everything that was made, each beside its change against the last release. Kinds with pictures come first. */
export function metricsPart(record: RunRecord): Part | undefined {
  const groups = groupsOf(record);
  if (groups.length === 0) return undefined;
  const tables = groups.filter(
    ({ kind, headlines, nodes }) => kind.charts.length > 0 || (nodes.length > 1 && headlines.some(({ better }) => better)),
  );
  const singles = groups.filter((group) => !tables.includes(group));
  const baseline = record.baseline;
  const note = baseline
    ? html`<p class="note">Under a value: its change against the release of run <code>${baseline.run}</code>.</p>`
    : html`<p class="note">There is no earlier release to compare with.</p>`;
  return {
    id: 'metrics',
    title: 'Metrics',
    body: html`${note}${tables.map((group) => kindTable(group, record))}${singles.length > 0 && singleTable(singles, record)}`,
  };
}

interface Group {
  readonly kind: ShownKind;
  readonly headlines: readonly Headline[];
  readonly nodes: readonly PageNode[];
}

function groupsOf(record: RunRecord): readonly Group[] {
  const byKind = new Map<string, PageNode[]>();
  for (const node of record.nodes) {
    if (node.view.facts === undefined) continue;
    const list = byKind.get(node.kind) ?? [];
    list.push(node);
    byKind.set(node.kind, list);
  }
  const groups = [...byKind].flatMap(([kindName, nodes]) => {
    const kind = record.kinds.get(kindName);
    const headlines = (kind?.headlines ?? []).filter(({ fact }) => nodes.some(({ view }) => factAt(view.facts, fact) !== undefined));
    return kind && headlines.some(({ unit }) => unit !== 'text') ? [{ kind, headlines, nodes }] : [];
  });
  return groups.sort((a, b) => Number(b.kind.charts.length > 0) - Number(a.kind.charts.length > 0));
}

function kindTable({ kind, headlines, nodes }: Group, record: RunRecord): Markup {
  const rows = nodes.map(
    (node) =>
      html`<tr><th scope="row"><a href="#stage-${node.index}">${name(node.name)}</a></th>${headlines.map((headline) => html`<td class="${cellClass(headline)}">${valueAndChange(headline, node, record)}</td>`)}</tr>`,
  );
  const [first, last] = [nodes[0], nodes.at(-1)];
  const foot =
    first !== undefined && last !== undefined && first !== last
      ? html`<tfoot><tr><th scope="row">${name(first.name)} → ${name(last.name)}</th>${headlines.map((headline) => html`<td class="${cellClass(headline)}">${change(headline, factAt(first.view.facts, headline.fact), factAt(last.view.facts, headline.fact))}</td>`)}</tr></tfoot>`
      : undefined;
  const head: readonly Html[] = ['stage', ...headlines.map(({ label }) => label)];
  return html`<h3>${kind.name}</h3>${table(`Metrics of each ${kind.name}`, head, rows, { class: 'metrics', foot })}`;
}

function cellClass({ unit }: Headline): string {
  return unit === 'text' ? '' : 'number';
}

function singleTable(groups: readonly Group[], record: RunRecord): Markup {
  const rows = groups.flatMap(({ kind, headlines, nodes }) =>
    nodes.map(
      (node) =>
        html`<tr><th scope="row"><a href="#stage-${node.index}">${name(node.name)}</a></th><td>${kind.name}</td><td><ul class="inline">${headlines.map((headline) => html`<li><span class="soft">${headline.label}</span> ${valueAndChange(headline, node, record)}</li>`)}</ul></td></tr>`,
    ),
  );
  return html`<h3>Others</h3>${table('Facts of the other artifacts', ['stage', 'kind', 'facts'], rows)}`;
}

function valueAndChange(headline: Headline, node: PageNode, { baseline }: RunRecord): Markup {
  const now = factAt(node.view.facts, headline.fact);
  const before = baseline && factAt(baseline.facts.get(node.name), headline.fact);
  const value = html`<span class="value">${formatFact(now, headline.unit)}</span>`;
  return before === undefined || now === undefined ? value : html`${value} ${change(headline, before, now)}`;
}

/** An arrow, the difference with its sign, and in words whether that is good: none of it needs colour. */
export function change({ unit, better }: Headline, before: unknown, now: unknown): Markup {
  // Of a fact with no good side, only a change is news.
  if (before === now) return better === undefined ? nothing : html`<small class="change">= unchanged</small>`;
  if (typeof before !== 'number' || typeof now !== 'number')
    return unit === 'text' ? html`<small class="change">was ${formatFact(before, unit)}</small>` : nothing;
  const arrow = now > before ? '▲' : '▼';
  const isGood = better === undefined ? undefined : now > before === (better === 'higher');
  const verdict = isGood === undefined ? '' : isGood ? ' better' : ' worse';
  return html`<small class="change${verdict}"><span aria-hidden="true">${arrow}</span> ${formatChange(before, now, unit)}${verdict}</small>`;
}
