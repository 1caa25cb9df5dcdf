import type { Chart, Headline } from '../../spec/artifact.ts';
import { formatFact } from '../format.ts';
import { factAt } from '../summary.ts';
import { html, type Markup, nothing } from './html.ts';
import { name, table } from './parts.ts';
import type { Baseline, PageNode, ShownKind } from './record.ts';
import { axisTicks } from './scale.ts';

type TradeOff = Extract<Chart, { chart: 'trade-off' }>;

interface Spot {
  readonly node: PageNode;
  readonly across: number;
  readonly up: number;
  readonly area: number | undefined;
  /** Where it was in the last release. */
  readonly before: { readonly across: number; readonly up: number } | undefined;
  /** No other is better in one and at least as good in all. */
  readonly isBest: boolean;
}

const width = 720;
const height = 380;
const frame = { left: 84, right: 28, top: 22, bottom: 56 };
const largestRadius = 17;
const smallestRadius = 6;

/** Two or three facts of each artifact against each other. Nothing when fewer than two artifacts have them. */
export function tradeOff(chart: TradeOff, kind: ShownKind, nodes: readonly PageNode[], baseline: Baseline | undefined): Markup {
  const axes = {
    across: headlineOf(kind, chart.across),
    up: headlineOf(kind, chart.up),
    area: chart.area === undefined ? undefined : headlineOf(kind, chart.area),
  };
  const spots = spotsOf(chart, axes, nodes, baseline);
  if (spots.length < 2) return nothing;
  const best = spots.filter((spot) => spot.isBest);
  const label = `${axes.up.label} against ${axes.across.label} of ${spots.length} artifacts; ${best.map(({ node }) => node.name).join(', ')} ${best.length === 1 ? 'is' : 'are'} not beaten by any other`;
  return html`<figure><figcaption><h3>${chart.title}</h3><p class="note">${legend(axes, spots)}</p></figcaption>
<div class="scroll" tabindex="0" role="region" aria-label="${chart.title}"><svg class="plot" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">${picture(spots, axes)}</svg></div>
<details><summary>The same as a table</summary>${asTable(chart.title, spots, axes)}</details></figure>`;
}

interface Axes {
  readonly across: Headline;
  readonly up: Headline;
  readonly area: Headline | undefined;
}

/** A fact that is no headline is shown by its own name. */
function headlineOf(kind: ShownKind, fact: string): Headline {
  return kind.headlines.find((each) => each.fact === fact) ?? { fact, label: fact, unit: 'number' };
}

function spotsOf(chart: TradeOff, axes: Axes, nodes: readonly PageNode[], baseline: Baseline | undefined): readonly Spot[] {
  const number = (facts: unknown, fact: string): number | undefined => {
    const value = factAt(facts, fact);
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  };
  const placed = nodes.flatMap((node) => {
    const [across, up] = [number(node.view.facts, chart.across), number(node.view.facts, chart.up)];
    if (across === undefined || up === undefined) return [];
    const past = baseline?.facts.get(node.name);
    const [wasAcross, wasUp] = [number(past, chart.across), number(past, chart.up)];
    const before =
      wasAcross === undefined || wasUp === undefined || (wasAcross === across && wasUp === up)
        ? undefined
        : { across: wasAcross, up: wasUp };
    return [{ node, across, up, area: chart.area === undefined ? undefined : number(node.view.facts, chart.area), before }];
  });
  return placed.map((spot) => ({ ...spot, isBest: !placed.some((other) => other !== spot && beats(other, spot, axes)) }));
}

type Measured = Pick<Spot, 'across' | 'up' | 'area'>;

/** At least as good in every fact that has a good side, and better in one. */
function beats(a: Measured, b: Measured, axes: Axes): boolean {
  const differences = (['across', 'up', 'area'] as const).flatMap((axis) => {
    const { better } = axes[axis] ?? {};
    const [mine, other] = [a[axis], b[axis]];
    if (better === undefined || mine === undefined || other === undefined) return [];
    return [better === 'higher' ? mine - other : other - mine];
  });
  return differences.length > 0 && differences.every((each) => each >= 0) && differences.some((each) => each > 0);
}

function legend({ across, up, area }: Axes, spots: readonly Spot[]): string {
  const sides = [up, across, ...(area ? [area] : [])].flatMap(({ label, better }) => (better ? [`${better} ${label}`] : []));
  const wanted = sides.length > 0 ? `Better is ${sides.join(', ')}. ` : '';
  const size = area ? ` The larger a disc, the larger its ${area.label}.` : '';
  const past = spots.some(({ before }) => before) ? ' A dashed line leads from where it was in the last release.' : '';
  return `${wanted}Filled discs are not beaten by any other in everything.${size}${past}`;
}

function picture(spots: readonly Spot[], axes: Axes): Markup {
  const x = axisTicks(
    spots.flatMap(({ across, before }) => [across, ...(before ? [before.across] : [])]),
    axes.across.unit,
  );
  const y = axisTicks(
    spots.flatMap(({ up, before }) => [up, ...(before ? [before.up] : [])]),
    axes.up.unit,
  );
  const right = (value: number): number => frame.left + ((value - x.from) / (x.to - x.from)) * (width - frame.left - frame.right);
  const down = (value: number): number =>
    height - frame.bottom - ((value - y.from) / (y.to - y.from)) * (height - frame.top - frame.bottom);
  const grid = [
    ...x.ticks.map(
      (tick) =>
        html`<path class="grid" d="M${right(tick).toFixed(1)} ${frame.top}V${height - frame.bottom}"/><text class="tick" x="${right(tick).toFixed(1)}" y="${height - frame.bottom + 18}" text-anchor="middle">${formatFact(tick, axes.across.unit)}</text>`,
    ),
    ...y.ticks.map(
      (tick) =>
        html`<path class="grid" d="M${frame.left} ${down(tick).toFixed(1)}H${width - frame.right}"/><text class="tick" x="${frame.left - 8}" y="${(down(tick) + 4).toFixed(1)}" text-anchor="end">${formatFact(tick, axes.up.unit)}</text>`,
    ),
  ];
  const most = Math.max(...spots.map(({ area }) => area ?? 0));
  const discs = spots.map((spot) => disc(spot, right, down, most));
  return html`${grid}<text class="axis" x="${(frame.left + width - frame.right) / 2}" y="${height - 12}" text-anchor="middle">${axes.across.label}</text><text class="axis" x="${frame.left}" y="13">${axes.up.label}</text>${discs}`;
}

function disc(spot: Spot, right: (value: number) => number, down: (value: number) => number, most: number): Markup {
  const [cx, cy] = [right(spot.across), down(spot.up)];
  const radius =
    spot.area === undefined || most <= 0 ? 8 : Math.max(smallestRadius, largestRadius * Math.sqrt(Math.max(0, spot.area) / most));
  const isFarRight = cx > width * 0.72;
  const trail = spot.before
    ? html`<path class="trail" d="M${right(spot.before.across).toFixed(1)} ${down(spot.before.up).toFixed(1)}L${cx.toFixed(1)} ${cy.toFixed(1)}"/><circle class="past" cx="${right(spot.before.across).toFixed(1)}" cy="${down(spot.before.up).toFixed(1)}" r="4"/>`
    : undefined;
  const beside = isFarRight ? cx - radius - 7 : cx + radius + 7;
  return html`${trail}<circle class="${spot.isBest ? 'disc best' : 'disc'}" cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="${radius.toFixed(1)}"/><text class="label" x="${beside.toFixed(1)}" y="${(cy + 4).toFixed(1)}"${isFarRight ? html` text-anchor="end"` : undefined}>${spot.node.name}</text>`;
}

function asTable(title: string, spots: readonly Spot[], { across, up, area }: Axes): Markup {
  const rows = spots.map(
    (spot) =>
      html`<tr><th scope="row">${name(spot.node.name)}</th><td class="number">${formatFact(spot.up, up.unit)}</td><td class="number">${formatFact(spot.across, across.unit)}</td>${area && html`<td class="number">${formatFact(spot.area, area.unit)}</td>`}<td>${spot.isBest ? 'not beaten' : 'beaten'}</td></tr>`,
  );
  return table(title, ['stage', up.label, across.label, ...(area ? [area.label] : []), 'against the others'], rows);
}
