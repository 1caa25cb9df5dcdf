import { formatMs, shortDigest } from '../format.ts';
import { outcomeLine } from '../outcome.ts';
import { html, type Markup } from './html.ts';
import { mark, name, pairs, time } from './parts.ts';
import type { PageNode, RunRecord } from './record.ts';

/** What the run was, how it ended, and who did it from what. */
export function pageHead(record: RunRecord): Markup {
  const { view } = record;
  return html`<header id="head">
<p class="kicker">${view.operation === undefined ? 'Run report' : `Report of a ${view.operation}`}</p>
<h1>${name(view.pipeline)} <span class="profile">${view.profile}</span></h1>
<p class="outcome ${tone(record)}"><span class="sign" aria-hidden="true">${sign(record)}</span> ${outcomeText(record)}</p>
${pairs([
  ['run', html`<code>${view.run}</code>`],
  ['started', view.startedAt === undefined ? undefined : time(view.startedAt)],
  ['took', view.durationMs === undefined ? undefined : formatMs(view.durationMs)],
  ['by', record.by],
  ['commit', commitText(record.commit)],
  ['plan', record.planDigest === undefined ? undefined : html`<code title="${record.planDigest}">${shortDigest(record.planDigest)}</code>`],
  [
    'compared with',
    record.baseline === undefined
      ? 'nothing: there was no release before'
      : html`the release of run <code>${record.baseline.run}</code>, ${time(record.baseline.at)}`,
  ],
  ['modelflow', view.modelflow],
])}
${tiles(record)}
</header>`;
}

/** A commit with `+` behind it: files differed from it. */
function commitText(commit: string | undefined): Markup | undefined {
  if (commit === undefined) return undefined;
  const isChanged = commit.endsWith('+');
  return html`<code title="${commit.replace(/\+$/, '')}">${commit.slice(0, 12).replace(/\+$/, '')}</code>${isChanged && ' with uncommitted changes'}`;
}

/** Also the title of the page. */
export function outcomeText({ view, isAlive }: RunRecord): string {
  if (view.outcome === undefined && view.operation === undefined) {
    const ended = [...view.nodes.values()].filter((node) => node.endedAt !== undefined).length;
    return isAlive
      ? `running: ${ended} of ${view.nodes.size} stages ended`
      : `interrupted: the run was killed after ${ended} of ${view.nodes.size} stages`;
  }
  return outcomeLine(view);
}

/** What colours the outcome. */
function tone({ view, isAlive }: RunRecord): string {
  if (view.outcome === undefined) return isAlive ? 'running' : 'failed';
  if (view.outcome === 'ok') return 'done';
  return view.outcome === 'stopped' || view.outcome === 'approval-pending' || view.outcome === 'paused' ? 'stopped' : 'failed';
}

function sign(record: RunRecord): string {
  const signs: Readonly<Record<string, string>> = { done: '✓', running: '▶', stopped: '■', failed: '✗' };
  return signs[tone(record)] ?? '';
}

function tiles(record: RunRecord): Markup {
  const { nodes } = record;
  const count = (...states: readonly string[]): number => nodes.filter((node) => states.includes(node.view.state)).length;
  const { gates } = record.view;
  const passed = gates.filter((gate) => gate.verdict === 'pass').length;
  const failed = count('failed', 'stopped');
  const waiting = count('waiting', 'running', 'retrying', 'skipped', 'held', 'unapproved', 'paused');
  const saved = savedMs(nodes);
  const all: readonly (readonly [string, string, string | undefined])[] = [
    ['stages made', String(count('done')), undefined],
    ['reused', String(count('reused')), saved > 0 ? `saved about ${formatMs(saved)}` : undefined],
    ...(failed > 0 ? [['failed or stopped', String(failed), undefined] as const] : []),
    ...(waiting > 0 ? [['not done', String(waiting), undefined] as const] : []),
    ...(gates.length > 0 ? [['gates passed', `${passed} of ${gates.length}`, undefined] as const] : []),
  ];
  return html`<ul class="tiles">${all.map(([label, value, note]) => html`<li><strong>${value}</strong> ${label}${note !== undefined && html`<small>${note}</small>`}</li>`)}</ul>`;
}

/** What the reused stages took when they last ran. */
function savedMs(nodes: readonly PageNode[]): number {
  return nodes.reduce((sum, { view }) => sum + (view.state === 'reused' ? (view.lastMs ?? 0) : 0), 0);
}

/** The gate verdicts and the like, as a sign and a word. */
export function verdictMark(verdict: 'pass' | 'warn' | 'refuse' | 'fail' | 'not-enough-data' | 'decided-later'): Markup {
  switch (verdict) {
    case 'pass':
      return mark('pass', '✓', 'pass');
    case 'warn':
      return mark('warn', '!', 'warning');
    case 'refuse':
      return mark('fail', '✗', 'refused');
    case 'fail':
      return mark('fail', '✗', 'fail');
    case 'not-enough-data':
      return mark('warn', '?', 'not enough data');
    case 'decided-later':
      return mark('waiting', '○', 'not judged');
  }
}
