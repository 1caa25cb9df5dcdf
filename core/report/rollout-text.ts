import type { RunEvent } from '../spec/event.ts';
import type { Finding } from '../spec/verdict.ts';

export type RolloutEvent = Extract<RunEvent, { type: 'rollout-began' | 'rollout-step' | 'rollout-judged' | 'rollout-ended' }>;

/** A step of a rollout, for people. */
export function rolloutLines(event: RolloutEvent): readonly string[] {
  const candidate = event.stamp.slice(0, 12);
  switch (event.type) {
    case 'rollout-began':
      return [`${event.strategy.strategy} of ${candidate}${event.from === undefined ? '' : ` beside ${event.from.slice(0, 12)}`} begins`];
    case 'rollout-step':
      return [
        `step ${event.step + 1}: ${candidate} gets ${event.weight} % of the requests${event.mirror ? ` and copies of ${event.mirror} %` : ''}`,
      ];
    case 'rollout-judged':
      return [`${event.verdict.outcome}: ${event.verdict.findings.map(findingText).join('; ')}`];
    case 'rollout-ended':
      return [`${event.outcome}: ${candidate}: ${event.why}`];
  }
}

function findingText({ measure, outcome, detail, needs }: Finding): string {
  return `${measure} ${outcome}: ${detail}${needs === undefined ? '' : `, about ${needs} more answers needed`}`;
}
