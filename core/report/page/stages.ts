import type { NodeView } from '../../plan/node-view.ts';
import type { FingerprintParts, Step } from '../../spec/plan.ts';
import { causeText, laterText } from '../change-text.ts';
import { clip, formatBytes, formatMs, formatValue, shortDigest } from '../format.ts';
import { skippedText } from '../outcome.ts';
import { factAt } from '../summary.ts';
import { type Html, html, type Markup } from './html.ts';
import { badge, name, type Part, pairs } from './parts.ts';
import { diagnosticMarkup } from './problems.ts';
import type { PageNode, RunRecord } from './record.ts';

const shownFacts = 80;
const factWidth = 300;
/** Above this the page would be heavier than it is useful: facts, options and logs stay in the store. */
const detailedStages = 2000;

/** Every stage: what it made, of what, why, and what it said. Each can be opened. */
export function stagesPart(record: RunRecord): Part | undefined {
  const nodes = record.nodes;
  if (nodes.length === 0) return undefined;
  const steps = new Map((record.view.plan?.steps ?? []).map((step) => [step.node, step]));
  const makers = new Map(nodes.flatMap((node) => (node.view.digest === undefined ? [] : [[node.view.digest, node] as const])));
  const isDetailed = nodes.length <= detailedStages;
  const items = nodes.map((node) => stage(node, steps.get(node.name), makers, record, isDetailed));
  const note = isDetailed
    ? undefined
    : html`<p class="note">With so many stages, facts and logs are left out: <code>modelflow inspect</code> has them.</p>`;
  return {
    id: 'stages',
    title: 'Stages and artifacts',
    count: String(nodes.length),
    body: html`<div class="tools" hidden><label for="filter">Find</label> <input id="filter" type="search" placeholder="name, stage, state, digest" autocomplete="off"><button type="button" id="open-all">Open all</button><button type="button" id="close-all">Close all</button><span id="found" role="status"></span></div>${note}<div class="stages">${items}</div>`,
  };
}

type Makers = ReadonlyMap<string, PageNode>;

function stage(node: PageNode, step: Step | undefined, makers: Makers, record: RunRecord, isDetailed: boolean): Markup {
  const { view, kind, index } = node;
  const size = view.sizeBytes ?? sizeFact(view.facts);
  const facts = [
    view.durationMs === undefined ? undefined : formatMs(view.durationMs),
    size === undefined ? undefined : formatBytes(size),
  ].filter((each) => each !== undefined);
  const find = `${node.name} ${view.stage} ${kind} ${view.state} ${view.digest ?? ''}`.toLowerCase();
  return html`<details class="stage" id="stage-${index}" data-find="${find}"><summary>${badge(view.state)} ${name(node.name)} <span class="soft">${view.stage}</span> <span class="right">${facts.join(' · ')}${view.digest !== undefined && html` <code>${shortDigest(view.digest)}</code>`}</span></summary><div class="inner">
${isDetailed ? body(node, step, makers, record) : pairs([['digest', view.digest && html`<code>${view.digest}</code>`]])}</div></details>`;
}

/** Reused nodes tell no size of their own; many kinds have it among their facts. */
function sizeFact(facts: unknown): number | undefined {
  const size = factAt(facts, 'sizeBytes');
  return typeof size === 'number' ? size : undefined;
}

function body({ view, kind }: PageNode, step: Step | undefined, makers: Makers, record: RunRecord): Markup {
  const log =
    view.output.length > 0
      ? html`<h4>What it said</h4><pre>${view.output.map(({ level, line }) => `${level === 'warn' ? 'warning: ' : ''}${line}\n`)}</pre>`
      : undefined;
  return html`${view.diagnostics.map((each) => diagnosticMarkup(each, record.root))}${pairs([
    ['makes', kind],
    ['digest', view.digest !== undefined && html`<code>${view.digest}</code>`],
    ['why', why(step, view)],
    ['inputs', view.parts && inputs(view.parts, makers)],
    ['attempts', view.attempts.length > 1 && `${view.attempts.length}: ${view.attempts.map(({ state }) => state).join(', ')}`],
    ['now', view.doing],
  ])}${view.parts && made(view.parts)}${factsTable(view.facts)}${log}`;
}

function why(step: Step | undefined, { because, state }: NodeView): Html {
  if (because.length > 0) return skippedText(because);
  if (step === undefined) return undefined;
  switch (step.do) {
    case 'reuse':
      return 'nothing that decides its bytes has changed';
    case 'keep':
      return 'what is live is as wanted';
    case 'decide-later':
      if (state === 'done') return `${step.after.join(', ')} came first, and gave it other bytes than before`;
      if (state === 'reused') return `${step.after.join(', ')} came first, and gave it the same bytes as before`;
      return laterText(step, (node) => node);
    case 'run':
      return step.because.map(causeText).join('; ');
  }
}

/** Each slot with the digest that filled it, and the stage that made it. */
function inputs(parts: FingerprintParts, makers: Makers): Markup | undefined {
  const rows = Object.entries(parts.inputs).map(([slot, given]) => {
    const digests = [given].flat().map((digest) => {
      const maker = makers.get(digest);
      return html`<code title="${digest}">${shortDigest(digest)}</code>${maker && html` from <a href="#stage-${maker.index}">${name(maker.name)}</a>`}`;
    });
    return html`<li><span class="soft">${slot}</span> ${digests.flatMap((each, index) => (index === 0 ? [each] : [', ', each]))}</li>`;
  });
  return rows.length === 0 ? undefined : html`<ul class="plain">${rows}</ul>`;
}

/** Options, code and tools: with the inputs, all that decides the bytes. */
function made(parts: FingerprintParts): Markup | undefined {
  const rows = [
    ...flat(parts.options).map(([path, value]) => ['option', path, clip(shortDigest(value), factWidth)] as const),
    ...Object.entries(parts.tools).map(([tool, version]) => ['tool', tool, shortDigest(version)] as const),
    ...Object.entries(parts.code).map(([file, sum]) => ['code', file, shortDigest(sum)] as const),
  ];
  if (rows.length === 0) return undefined;
  const items = rows.map(
    ([sort, key, value]) => html`<tr><td class="soft">${sort}</td><th scope="row">${key}</th><td><code>${value}</code></td></tr>`,
  );
  return html`<details><summary>Made with: ${parts.stage}, version ${parts.version}, ${rows.length} more</summary><table><tbody>${items}</tbody></table></details>`;
}

function factsTable(facts: unknown): Markup | undefined {
  const rows = flat(facts);
  if (rows.length === 0) return undefined;
  const items = rows
    .slice(0, shownFacts)
    .map(([path, value]) => html`<tr><th scope="row">${path}</th><td>${clip(value, factWidth)}</td></tr>`);
  const cut =
    rows.length > shownFacts
      ? html`<p class="note">${rows.length - shownFacts} more facts: <code>modelflow inspect</code> shows them all.</p>`
      : undefined;
  return html`<details><summary>${rows.length} facts</summary><table class="facts"><tbody>${items}</tbody></table>${cut}</details>`;
}

/** A value as dotted paths and what stands there; lists stay whole. */
function flat(value: unknown, path = ''): readonly (readonly [string, string])[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.entries(value).flatMap(([key, inner]) => flat(inner, path === '' ? key : `${path}.${key}`));
  if (value === undefined || path === '') return [];
  return [[path, typeof value === 'string' ? value : formatValue(value, factWidth)]];
}
