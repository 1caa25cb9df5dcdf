import type { Moved } from '../plan/review.ts';
import type { LiveChange } from '../spec/plan.ts';
import { unreachable } from '../spec/unreachable.ts';
import { causeText, driftText } from './change-text.ts';
import { oneLine, shortDigest } from './format.ts';

/** What is not as it was when a plan was reviewed: a line, and further ones that belong to it. */
export function movedText(moved: Moved): readonly string[] {
  switch (moved.what) {
    case 'config': {
      const { path, from, to } = moved;
      const name = path.replace(/^file /, '');
      if (from === undefined) return [`${name} is imported now, and was not`];
      if (to === undefined) return [`${name} is not imported any more`];
      return [`${name} changed: ${shortDigest(from)} -> ${shortDigest(to)}`];
    }
    case 'modelflow':
      return [`modelflow is another version: ${moved.from} -> ${moved.to}`];
    case 'step':
      return [moved.is === 'new' ? `${moved.node} was not in the plan` : `${moved.node} is in the plan, and not in the pipeline any more`];
    case 'part':
      return [`${moved.node}: ${causeText(moved.cause)}`];
    case 'live': {
      const { node, from, to } = moved;
      const state = from.token === to.token ? '' : `: state ${oneLine(from.token)} -> ${oneLine(to.token)}`;
      const what = `${node}: ${to.service} on ${to.target} is not as it was${state}`;
      const action =
        from.action === to.action ? [] : [`  it was to be ${actionWord(from.action)}, and now would be ${actionWord(to.action)}`];
      return [what, ...action, ...to.drift.map((change) => `  ${driftText(change)}`)];
    }
    case 'rule':
      return [
        moved.is === 'new'
          ? `${oneLine(moved.rule)} was not in the plan`
          : `${oneLine(moved.rule)} is in the plan, and does not hold any more`,
      ];
    default:
      return unreachable(moved);
  }
}

function actionWord(action: LiveChange['action']): string {
  switch (action) {
    case 'none':
      return 'left alone';
    case 'create':
      return 'created';
    case 'replace':
      return 'replaced';
    case 'repair':
      return 'repaired';
    case 'held':
      return 'held back';
    default:
      return unreachable(action);
  }
}
