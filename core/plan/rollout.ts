import type { ReleaseRecord, RunEvent } from '../spec/event.ts';
import type { RolloutUnderway } from '../spec/plan.ts';
import type { Strategy } from '../spec/strategy.ts';
import type { TrafficReport } from '../spec/traffic.ts';
import type { Phase, Verdict } from '../spec/verdict.ts';

/** A rollout that has begun and not come to its end, as far as the journal knows: all that is needed to go on with it. */
export interface Underway {
  readonly node: string;
  readonly release: ReleaseRecord;
  /** The stamp of the release that served when it began. */
  readonly from: string;
  readonly strategy: Strategy;
  /** The step that was begun last; undefined before the first. */
  readonly step: number | undefined;
  readonly weight: number;
  readonly mirror: number | undefined;
  /** What was seen in each step that was looked at, in order. */
  readonly phases: readonly { readonly step: number; readonly phase: Phase }[];
  /** The counters at the last look of this step. */
  readonly traffic: TrafficReport | undefined;
  readonly verdict: Verdict | undefined;
  readonly state: RolloutUnderway['state'];
  readonly since: string;
  readonly why: string | undefined;
  readonly asked: 'promote' | 'abort' | undefined;
}

/** What an event says of the rollouts, by `target/service`. One that ended is in the map no more. */
export function foldRollout(rollouts: Map<string, Underway>, event: RunEvent, keyOf: (of: Named) => string): void {
  switch (event.type) {
    case 'rollout-began':
      rollouts.set(keyOf(event.release), begun(event));
      break;
    case 'rollout-step':
    case 'rollout-judged':
    case 'rollout-asked':
    case 'rollout-ended': {
      const before = rollouts.get(keyOf(event));
      if (before?.release.stamp !== event.stamp) break;
      const after = further(before, event);
      if (after) rollouts.set(keyOf(event), after);
      else rollouts.delete(keyOf(event));
      break;
    }
    case 'release-refused':
      for (const [key, before] of rollouts)
        if (before.release.stamp === event.stamp) rollouts.set(key, { ...before, state: 'going-back', since: event.at, why: event.why });
      break;
    case 'released':
    case 'rolled-back':
      rollouts.delete(keyOf(event.release));
      break;
    case 'service-forgotten':
      rollouts.delete(keyOf(event));
      break;
    case 'service-removed':
      for (const [key, { release }] of rollouts) if (isRemoved(release, event)) rollouts.delete(key);
      break;
    default:
      break;
  }
}

/** Was it taken down? Journals of before say no target: all of that name were meant. */
export function isRemoved(of: Named, { target, service }: { readonly target?: string; readonly service: string }): boolean {
  return of.service === service && (target === undefined || of.target === target);
}

interface Named {
  readonly target: string;
  readonly service: string;
}

function begun({ node, release, from, strategy, at }: Extract<RunEvent, { type: 'rollout-began' }>): Underway {
  return {
    node,
    release,
    from,
    strategy,
    step: undefined,
    weight: 0,
    mirror: undefined,
    phases: [],
    traffic: undefined,
    verdict: undefined,
    state: 'going',
    since: at,
    why: undefined,
    asked: undefined,
  };
}

type Later = Extract<RunEvent, { type: 'rollout-step' | 'rollout-judged' | 'rollout-asked' | 'rollout-ended' }>;

function further(before: Underway, event: Later): Underway | undefined {
  switch (event.type) {
    case 'rollout-step': {
      const { step, weight, mirror } = event;
      return { ...before, step, weight, mirror, traffic: undefined, state: 'going', since: event.at, why: undefined };
    }
    case 'rollout-judged': {
      const { step, phase, verdict, traffic } = event;
      // Whoever looks goes on with it, also where it had been paused.
      const going = before.state === 'paused' ? { state: 'going' as const, since: event.at, why: undefined } : {};
      return { ...before, ...going, verdict, traffic, phases: [...before.phases.filter((each) => each.step < step), { step, phase }] };
    }
    case 'rollout-asked':
      return { ...before, asked: event.what };
    case 'rollout-ended':
      return event.outcome === 'paused' ? { ...before, state: 'paused', since: event.at, why: event.why } : undefined;
  }
}

/** The same for a reader. */
export function shownUnderway({ release, from, strategy, step, weight, state, since, why, phases, verdict }: Underway): RolloutUnderway {
  const sum = (of: 'requests' | 'failures'): number => phases.reduce((total, { phase }) => total + phase.candidate[of], 0);
  return {
    stamp: release.stamp,
    from,
    strategy: strategy.strategy,
    step,
    weight,
    state,
    since,
    why,
    answers: sum('requests'),
    failures: sum('failures'),
    findings: verdict?.findings ?? [],
  };
}
