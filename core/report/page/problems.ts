import type { Diagnostic } from '../../spec/diagnostic.ts';
import { placeText } from '../diagnostic-text.ts';
import { shortDigest } from '../format.ts';
import { html, type Markup } from './html.ts';
import { mark, type Part } from './parts.ts';
import type { PageNode, RunRecord } from './record.ts';
import { stageLink } from './verdicts.ts';

const shownLines = 12;

/** Why the run did not come to its end, with what to do about it: the first thing to read at night. */
export function problemsPart(record: RunRecord): Part | undefined {
  const nodes = record.nodes;
  const failed = nodes.filter(({ view }) => view.diagnostics.length > 0);
  const stopped = nodes.filter(({ view }) => view.state === 'stopped');
  const skipped = nodes.filter(({ view }) => view.state === 'skipped' && view.because.length > 0);
  const waiting = nodes.filter(({ view }) => view.state === 'unapproved');
  const { quarantined } = record.view;
  if (failed.length + stopped.length + waiting.length + quarantined.length === 0) return undefined;
  const items = [
    ...failed.map((node) => failedStage(node, record)),
    ...stopped.map(
      ({ name }) =>
        html`<li class="problem">${mark('stopped', '■', 'stopped')} ${stageLink(record, name)} was at work when the run ended. Nothing of it was kept; run again to go on.</li>`,
    ),
    ...waiting.map(
      ({ name }) =>
        html`<li class="problem">${mark('warn', '?', 'needs approval')} ${stageLink(record, name)} waits for <code>modelflow approve</code>.</li>`,
    ),
    ...quarantined.map(
      ({ digest, why }) =>
        html`<li class="problem">${mark('warn', '!', 'set aside')} artifact <code title="${digest}">${shortDigest(digest)}</code> was damaged: ${why}</li>`,
    ),
  ];
  const behind =
    skipped.length > 0
      ? html`<details><summary>${skipped.length} ${skipped.length === 1 ? 'stage was' : 'stages were'} skipped because of it</summary><ul class="inline">${skipped.map(({ name }) => html`<li>${stageLink(record, name)}</li>`)}</ul></details>`
      : undefined;
  return { id: 'problems', title: 'What went wrong', body: html`<ul class="problems">${items}</ul>${behind}` };
}

function failedStage(node: PageNode, record: RunRecord): Markup {
  const said = node.view.output.slice(-shownLines);
  const log =
    said.length > 0
      ? html`<details open><summary>The last it said</summary><pre>${said.map(({ line }) => `${line}\n`)}</pre></details>`
      : undefined;
  return html`<li class="problem"><p>${mark('failed', '✗', node.view.state === 'failed' ? 'failed' : 'refused')} ${stageLink(record, node.name)}</p>${node.view.diagnostics.map((each) => diagnosticMarkup(each, record.root))}${log}</li>`;
}

/** A diagnostic with its code, place, detail and hint. */
export function diagnosticMarkup(diagnostic: Diagnostic, root: string): Markup {
  const { code, message, at, detail, hint } = diagnostic;
  return html`<div class="diagnostic"><p class="message"><code>${code}</code> ${message}</p>${at && html`<p class="place">at <code>${placeText(at, root)}</code></p>`}${detail !== undefined && detail.length > 0 && html`<pre>${detail.join('\n')}</pre>`}${hint !== undefined && html`<p class="hint"><strong>Next:</strong> ${hint}</p>`}</div>`;
}
