import { verdictMark } from './head.ts';
import { html, type Markup } from './html.ts';
import { mark, name, type Part, table, time } from './parts.ts';
import type { RunRecord } from './record.ts';

/** Gates, policies and approvals: what was allowed, by whom or by what. What failed comes first. */
export function verdictsPart(record: RunRecord): Part | undefined {
  const tables = [gates(record), policies(record), approvals(record)].filter((each) => each !== undefined);
  if (tables.length === 0) return undefined;
  return { id: 'verdicts', title: 'Gates and approvals', body: html`${tables}` };
}

/** What the run judged; what it did not come to stands as the plan had it. */
function gates(record: RunRecord): Markup | undefined {
  const judged = new Map([...(record.view.plan?.gates ?? []), ...record.view.gates].map((gate) => [`${gate.node}\n${gate.text}`, gate]));
  if (judged.size === 0) return undefined;
  const rows = worstFirst([...judged.values()]).map(
    (gate) =>
      html`<tr><td>${verdictMark(gate.verdict)}</td><td>${gate.text}</td><td>${gate.detail}</td><td>${stageLink(record, gate.node)}</td></tr>`,
  );
  return html`<h3>Gates</h3>${table('Gates', ['verdict', 'condition', 'measured', 'waits for it'], rows)}`;
}

const order = ['fail', 'refuse', 'not-enough-data', 'warn', 'decided-later', 'pass'];

function worstFirst<T extends { readonly verdict: string }>(of: readonly T[]): readonly T[] {
  return of.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
}

function policies(record: RunRecord): Markup | undefined {
  const judged = new Map(
    [...(record.view.plan?.policies ?? []), ...record.view.policies].map((each) => [`${each.policy}\n${each.node ?? ''}`, each]),
  );
  if (judged.size === 0) return undefined;
  const rows = worstFirst([...judged.values()]).map(
    ({ verdict, policy, message, node }) =>
      html`<tr><td>${verdictMark(verdict)}</td><td>${policy}</td><td>${message}</td><td>${node === undefined ? 'the whole plan' : stageLink(record, node)}</td></tr>`,
  );
  return html`<h3>Policies</h3>${table('Policies', ['verdict', 'policy', 'what it says', 'of'], rows)}`;
}

function approvals(record: RunRecord): Markup | undefined {
  const planned = record.view.plan?.approvals ?? [];
  if (planned.length === 0) return undefined;
  const rows = planned.map(({ node, why, state, by }) => {
    const given = record.approvals.findLast((each) => each.node === node);
    const isStillNeeded = state === 'needed' && record.view.nodes.get(node)?.state === 'unapproved';
    const verdict =
      given || state === 'given'
        ? mark('pass', '✓', 'approved')
        : isStillNeeded
          ? mark('warn', '?', 'needed')
          : mark('waiting', '○', 'not decided');
    const who = given?.by ?? by;
    return html`<tr><td>${verdict}</td><td>${stageLink(record, node)}</td><td>${why}</td><td>${who ?? ''}${given && html`, ${time(given.at)}`}</td></tr>`;
  });
  return html`<h3>Approvals</h3>${table('Approvals', ['state', 'stage', 'why', 'by'], rows)}`;
}

/** A stage by its name, as a link when the page has it. */
export function stageLink(record: RunRecord, node: string): Markup {
  const index = record.byName.get(node)?.index;
  return index === undefined ? name(node) : html`<a href="#stage-${index}">${name(node)}</a>`;
}
