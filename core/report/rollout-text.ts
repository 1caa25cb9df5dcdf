import { findingText } from '../plan/rollout-words.ts';
import type { RunEvent } from '../spec/event.ts';

export type RolloutEvent = Extract<
  RunEvent,
  { type: 'rollout-began' | 'rollout-step' | 'rollout-judged' | 'rollout-asked' | 'rollout-ended' }
>;

/** A step of a rollout, for people. */
export function rolloutLines(event: RolloutEvent): readonly string[] {
  switch (event.type) {
    case 'rollout-began':
      return [`${event.strategy.strategy} of ${event.release.stamp.slice(0, 12)} beside ${event.from.slice(0, 12)} begins`];
    case 'rollout-step':
      return [
        `step ${event.step + 1}: ${event.stamp.slice(0, 12)} gets ${event.weight} % of the requests${event.mirror ? ` and copies of ${event.mirror} %` : ''}`,
      ];
    case 'rollout-judged': {
      const { phase, verdict } = event;
      const copies = phase.compared + phase.mirrorFailed;
      const seen = `${phase.candidate.requests} answers${copies === 0 ? '' : ` and ${copies} copies`}`;
      return [[`${verdict.outcome} after ${seen}`, ...verdict.findings.map(findingText)].join('; ')];
    }
    case 'rollout-asked':
      return [`${event.by ?? 'somebody'} asks to ${event.what} ${event.stamp.slice(0, 12)}`];
    case 'rollout-ended':
      return [`${event.outcome}: ${event.stamp.slice(0, 12)}: ${event.why}`];
  }
}
