import type { NodeState } from '../plan/node-view.ts';
import type { RunView } from '../plan/view.ts';
import type { RunOutcome } from '../spec/event.ts';
import { formatMs } from './format.ts';

const words: Readonly<Record<RunOutcome, string>> = {
  ok: 'done',
  failed: 'FAILED',
  refused: 'REFUSED',
  'approval-pending': 'WAITS FOR AN APPROVAL',
  'rolled-back': 'ROLLED BACK',
  paused: 'PAUSED',
  stopped: 'stopped',
};

/** The last line of a run: `done in 12 s: 2 made, 5 reused`. */
export function outcomeLine(view: RunView): string {
  const counted = countStates(view);
  const word = view.outcome === undefined ? 'not finished' : words[view.outcome];
  const time = view.durationMs === undefined ? '' : `${view.outcome === 'ok' ? ' in' : ' after'} ${formatMs(view.durationMs)}`;
  return `${word}${time}${counted === '' ? '' : `: ${counted}`}`;
}

/** Why a node was not begun: it needs some that did not finish, or the run was already ending. */
export function skippedText(because: readonly string[]): string {
  return because.length > 0 ? `skipped: it needs ${because.join(', ')}, which did not finish` : 'not begun: the run was ending';
}

const order: readonly (readonly [NodeState, string])[] = [
  ['done', 'made'],
  ['reused', 'reused'],
  ['held', 'held back'],
  ['unapproved', 'waiting for approval'],
  ['paused', 'paused'],
  ['failed', 'failed'],
  ['stopped', 'stopped'],
  ['skipped', 'skipped'],
  ['waiting', 'not begun'],
];

function countStates(view: RunView): string {
  const counts = new Map<NodeState, number>();
  for (const { state, because } of view.nodes.values()) {
    const counted = state === 'skipped' && because.length === 0 ? 'waiting' : state;
    counts.set(counted, (counts.get(counted) ?? 0) + 1);
  }
  return order.flatMap(([state, word]) => (counts.has(state) ? [`${counts.get(state)} ${word}`] : [])).join(', ');
}
