import type { NodeState, RunView } from '../plan/view.ts';
import type { RunOutcome } from '../spec/event.ts';
import { formatMs } from './format.ts';

const words: Readonly<Record<RunOutcome, string>> = {
  ok: 'done',
  failed: 'FAILED',
  refused: 'REFUSED by a gate',
  'rolled-back': 'ROLLED BACK',
  stopped: 'stopped',
};

/** The last line of a run: `done in 12 s: 2 made, 5 reused`. */
export function outcomeLine(view: RunView): string {
  const counted = countStates(view);
  const word = view.outcome === undefined ? 'not finished' : words[view.outcome];
  const time = view.durationMs === undefined ? '' : `${view.outcome === 'ok' ? ' in' : ' after'} ${formatMs(view.durationMs)}`;
  return `${word}${time}${counted === '' ? '' : `: ${counted}`}`;
}

const order: readonly (readonly [NodeState, string])[] = [
  ['done', 'made'],
  ['reused', 'reused'],
  ['held', 'held back'],
  ['failed', 'failed'],
  ['stopped', 'stopped'],
  ['skipped', 'skipped'],
  ['waiting', 'not begun'],
];

function countStates(view: RunView): string {
  const counts = new Map<NodeState, number>();
  for (const { state } of view.nodes.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return order.flatMap(([state, word]) => (counts.has(state) ? [`${counts.get(state)} ${word}`] : [])).join(', ');
}
