import type { AttemptView } from '../../plan/node-view.ts';
import { formatMs } from '../format.ts';
import { html, type Markup } from './html.ts';
import { badge, name, type Part, table } from './parts.ts';
import type { PageNode, RunRecord } from './record.ts';

/** A mark narrower than this cannot be seen. In percent of the width. */
const narrowest = 0.35;
/** Above this, stages that were merely reused are counted and not drawn. */
const drawnReused = 60;

interface Span {
  readonly from: number;
  readonly to: number;
}

/** When each stage was at work, attempt by attempt, and how many were at a time. */
export function timelinePart(record: RunRecord): Part | undefined {
  const nodes = record.nodes.filter(({ view }) => view.attempts.length > 0 || view.state === 'reused');
  const start = Date.parse(record.view.startedAt ?? '');
  if (nodes.length === 0 || Number.isNaN(start)) return undefined;
  const end = Math.max(start + 1, Date.parse(record.view.at ?? ''));
  const whole: Span = { from: start, to: end };
  const worked = nodes.filter(({ view }) => view.attempts.length > 0);
  const reused = nodes.length - worked.length;
  const shown = reused > drawnReused ? worked : nodes;
  const rows = [...shown].sort((a, b) => begin(a) - begin(b)).map((node) => row(node, whole));
  const spans = worked.flatMap(({ view }) => view.attempts.map((each) => spanOf(each, end)));
  const note = reused > drawnReused ? `${reused} reused stages are not drawn. ` : '';
  return {
    id: 'timeline',
    title: 'Timeline',
    body: html`<p class="note">${note}${busyText(spans, whole)}</p>${table('When each stage was at work', ['stage', axis(whole), 'took'], [...(spans.length > 0 ? [busyRow(spans, whole)] : []), ...rows], { class: 'timeline' })}`,
  };
}

function begin({ view }: PageNode): number {
  return Date.parse(view.attempts[0]?.startedAt ?? view.endedAt ?? '');
}

function spanOf(attempt: AttemptView, end: number): Span {
  return { from: Date.parse(attempt.startedAt), to: attempt.endedAt === undefined ? end : Date.parse(attempt.endedAt) };
}

function row({ name: node, view, index }: PageNode, whole: Span): Markup {
  const bars = view.attempts.map((attempt) => bar(attempt, view.attempts.length, whole));
  const reused =
    view.state === 'reused' && view.endedAt !== undefined
      ? html`<svg x="${percent(Date.parse(view.endedAt), whole)}%" overflow="visible"><title>reused</title><path class="reused" d="M0 2L7 10L0 18L-7 10z"/></svg>`
      : undefined;
  const took = view.durationMs === undefined ? (view.state === 'reused' ? 'reused' : badge(view.state)) : formatMs(view.durationMs);
  const tries = view.attempts.length > 1 ? html` <small>${view.attempts.length} attempts</small>` : undefined;
  return html`<tr><th scope="row"><a href="#stage-${index}">${name(node)}</a></th><td><svg class="track" height="20" role="img" aria-label="${barText(view.attempts, whole, view.state)}">${bars}${reused}</svg></td><td class="number">${took}${tries}</td></tr>`;
}

function bar(attempt: AttemptView, attempts: number, whole: Span): Markup {
  const span = spanOf(attempt, whole.to);
  const left = percent(span.from, whole);
  const width = Math.max(narrowest, percent(span.to, whole) - left);
  const title = `${attempts > 1 ? `attempt ${attempt.attempt}: ` : ''}${attempt.state}, ${formatMs(span.to - span.from)} from ${formatMs(span.from - whole.from)}`;
  return html`<rect class="bar ${attempt.state}" x="${Math.min(left, 100 - width).toFixed(2)}%" y="3" width="${width.toFixed(2)}%" height="14" rx="3"><title>${title}</title></rect>`;
}

function barText(attempts: readonly AttemptView[], whole: Span, state: string): string {
  if (attempts.length === 0) return state;
  return attempts
    .map((attempt) => {
      const { from, to } = spanOf(attempt, whole.to);
      return `from ${formatMs(from - whole.from)} to ${formatMs(to - whole.from)}: ${attempt.state}`;
    })
    .join('; ');
}

function percent(at: number, { from, to }: Span): number {
  return Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));
}

/** Round times under the head of the bars, and at the left the beginning. */
function axis({ from, to }: Span): Markup {
  const ticks = ticksUpTo(to - from);
  const marks = ticks.map((ms) => {
    const at = percent(from + ms, { from, to });
    const anchor = at > 92 ? 'end' : at < 4 ? 'start' : 'middle';
    return html`<text x="${at.toFixed(2)}%" y="14" text-anchor="${anchor}">${formatMs(ms)}</text>`;
  });
  return html`<svg class="track axis" height="20" role="img" aria-label="time since the beginning of the run, up to ${formatMs(to - from)}">${marks}</svg>`;
}

/** About five round times from 0 up to the length. */
function ticksUpTo(lengthMs: number): readonly number[] {
  const minute = 60_000;
  const steps = [
    ...[1, 2, 5].flatMap((each) => [each, each * 10, each * 100, each * 1000]),
    10_000,
    20_000,
    30_000,
    ...[1, 2, 5, 10, 20, 30, 60, 120, 360, 720, 1440].map((each) => each * minute),
  ];
  const step = steps.sort((a, b) => a - b).find((each) => lengthMs / each <= 6) ?? lengthMs / 5;
  return Array.from({ length: Math.floor(lengthMs / step) + 1 }, (_, index) => index * step);
}

/** How many were at work, as steps: each time something begins or ends. */
function busySteps(spans: readonly Span[]): readonly (readonly [at: number, count: number])[] {
  const changes = spans.flatMap(({ from, to }) => [[from, 1] as const, [to, -1] as const]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let count = 0;
  return changes.map(([at, change]) => {
    count += change;
    return [at, count] as const;
  });
}

function busyText(spans: readonly Span[], whole: Span): string {
  if (spans.length === 0) return 'Everything was made before: nothing had to work.';
  const most = Math.max(...busySteps(spans).map(([, count]) => count));
  const work = spans.reduce((sum, { from, to }) => sum + to - from, 0);
  return `${formatMs(work)} of work in ${formatMs(whole.to - whole.from)}; at most ${most} at the same time.`;
}

function busyRow(spans: readonly Span[], whole: Span): Markup {
  const steps = busySteps(spans);
  const most = Math.max(1, ...steps.map(([, count]) => count));
  let path = 'M0 20';
  let level = 20;
  for (const [at, count] of steps) {
    const x = (percent(at, whole) * 10).toFixed(1);
    const y = 20 - (count / most) * 18;
    path += `L${x} ${level.toFixed(1)}L${x} ${y.toFixed(1)}`;
    level = y;
  }
  return html`<tr class="busy"><th scope="row">at work</th><td><svg class="track" height="20" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label="how many stages were at work over time, at most ${most}"><path d="${path}L1000 ${level.toFixed(1)}L1000 20z"/></svg></td><td class="number">most: ${most}</td></tr>`;
}
