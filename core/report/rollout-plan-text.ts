import { durationText, findingText } from '../plan/rollout-words.ts';
import type { LiveChange, PlannedRollout, RolloutUnderway } from '../spec/plan.ts';
import type { Strategy } from '../spec/strategy.ts';
import { unreachable } from '../spec/unreachable.ts';
import { oneLine } from './format.ts';

/** How a release takes over, and how far it has come; `stamp` is that of the release that the plan wants, where it is known. */
export function rolloutPlanLines(live: LiveChange, stamp: string | undefined): readonly string[] {
  const unasked = live.unasked === undefined ? [] : [`what else would change could not be asked: ${oneLine(live.unasked)}`];
  const { rollout } = live;
  if (rollout === undefined) return unasked;
  const { underway } = rollout;
  const isOther = underway !== undefined && underway.stamp !== stamp;
  return [
    strategyText(rollout),
    ...roundedText(rollout),
    ...(underway ? [isOther ? givenUpText(underway, stamp !== undefined) : underwayText(underway, rollout.steps.length)] : []),
    ...(underway && !isOther ? underway.findings.map((finding) => `  ${oneLine(findingText(finding))}`) : []),
    ...unasked,
  ];
}

/** `canary 5 → 25 → 50 → 100 %, up to 30 min a step, false alarm ≤ 5 %`. */
function strategyText({ strategy, steps }: PlannedRollout): string {
  switch (strategy.strategy) {
    case 'rolling':
      return 'rolling';
    case 'blue-green':
      return `blue-green: switched when it is ready, the release before is kept for ${durationText(strategy.keepMs)}`;
    case 'shadow':
      return `shadow: copies of ${strategy.mirror} % of the requests, ${judgedText(strategy)}, then all`;
    case 'canary': {
      const compared = steps[0]?.mirror === undefined ? 'answers are not compared' : `copies of ${steps[0].mirror} % are compared`;
      return `canary ${steps.map(({ weight }) => weight).join(' → ')} %, ${judgedText(strategy)}, ${compared}`;
    }
    default:
      return unreachable(strategy);
  }
}

function judgedText({ analysis, onInconclusive }: Extract<Strategy, { strategy: 'canary' | 'shadow' }>): string {
  const percent = Math.round(analysis.falseAlarm * 1_000) / 10;
  return `up to ${durationText(analysis.maxWaitMs)} a step (then ${onInconclusive}), false alarm ≤ ${percent} %`;
}

/** Where only replicas split the traffic, a step comes as near as their number lets it. */
function roundedText({ steps, replicas, strategy }: PlannedRollout): readonly string[] {
  const rounded = steps.filter(({ wanted }) => wanted !== undefined);
  if (replicas === undefined || strategy.strategy !== 'canary' || rounded.length === 0) return [];
  const merged = strategy.steps.filter((weight) => weight < 100).length - (steps.length - 1);
  const words = rounded.map(({ weight, wanted }) => `${wanted} % becomes ${weight} %`).join(', ');
  return [
    `  split by ${Math.max(2, replicas)} replicas: ${words}${merged > 0 ? `; ${merged} of the steps fall together with others` : ''}`,
  ];
}

function underwayText({ state, step, weight, since, why, answers, failures }: RolloutUnderway, steps: number): string {
  const at = step === undefined ? 'before its first step' : `at step ${step + 1} of ${steps}, ${weight} %`;
  const word = { going: 'goes on', paused: 'PAUSED', 'going-back': 'REFUSED, and is taken back,' }[state];
  const seen = `${answers} answers so far, ${failures} failures`;
  return `${word} ${at}, since ${since}: ${seen}${why === undefined ? '' : `; ${oneLine(why)}`}`;
}

function givenUpText({ strategy, stamp, weight }: RolloutUnderway, isKnown: boolean): string {
  return `gives up the ${strategy} of ${stamp.slice(0, 12)}, which is at ${weight} %${isKnown ? '' : ', unless the bytes come out the same'}`;
}
