import { failure } from '../spec/diagnostic.ts';
import type { RolloutStep } from '../spec/plan.ts';
import type { Strategy } from '../spec/strategy.ts';
import type { Split } from '../spec/target.ts';
import { unreachable } from '../spec/unreachable.ts';

/** How the traffic is split one way after the other; the last step gives the candidate everything. */
export function rolloutSteps(strategy: Strategy, split: Split | undefined): readonly RolloutStep[] {
  const whole: RolloutStep = { weight: 100, mirror: undefined };
  switch (strategy.strategy) {
    case 'rolling':
      return [whole];
    case 'blue-green':
      return [{ weight: 0, mirror: undefined }, whole];
    case 'shadow':
      return [{ weight: 0, mirror: strategy.mirror }, whole];
    case 'canary': {
      const canMirror = split?.by === 'requests' && split.mirrors && strategy.mirror > 0;
      const mirror = canMirror ? strategy.mirror : undefined;
      const steps = strategy.steps.filter((weight) => weight < 100).map((wanted) => canaryStep(wanted, mirror, split));
      // Where replicas are few, steps that come to the same number of them are one.
      return [...steps.filter(({ weight }, at) => weight !== steps[at - 1]?.weight), whole];
    }
    default:
      return unreachable(strategy);
  }
}

function canaryStep(wanted: number, mirror: number | undefined, split: Split | undefined): RolloutStep {
  if (split?.by !== 'replicas') return { weight: wanted, mirror };
  // Both have at least one, or nothing is compared.
  const replicas = Math.max(2, split.replicas);
  const count = Math.min(replicas - 1, Math.max(1, Math.round((wanted * replicas) / 100)));
  const weight = Math.round((count * 1_000) / replicas) / 10;
  return weight === wanted ? { weight, mirror } : { weight, mirror, wanted };
}

/** MF5300 where the target cannot do what the strategy asks for. */
export function refuseUnsplit(
  strategy: Strategy,
  { split, counts }: { readonly split: Split | undefined; readonly counts: boolean },
  of: { readonly target: string; readonly service: string },
): void {
  if (strategy.strategy === 'rolling') return;
  const refused = (why: string, hint: string): Error =>
    failure('MF5300', `${of.service} cannot be rolled out by ${strategy.strategy} on ${of.target}: ${why}`, { hint });
  if (split === undefined)
    throw refused(
      'this target gives all the traffic to one release',
      'Use `rolling()`, or a target that splits traffic between two releases.',
    );
  if (strategy.strategy !== 'blue-green' && !counts)
    throw refused('it does not count what the releases answer, so that nothing could be compared', 'Use `blueGreen()` or `rolling()`.');
  if (strategy.strategy === 'shadow' && !(split.by === 'requests' && split.mirrors))
    throw refused('it cannot send copies of requests to a second release', 'Use `canary()` or `blueGreen()`.');
}
