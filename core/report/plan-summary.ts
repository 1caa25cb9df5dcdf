import { expectedOf } from '../plan/estimate.ts';
import type { LiveChange, Plan, PlannedApproval, PlannedGate, PlannedPolicy, Step } from '../spec/plan.ts';
import { unreachable } from '../spec/unreachable.ts';
import { formatMs } from './format.ts';

/** What a step comes to, in one word of the plan. */
export type StepWord = 'reuse' | 'run' | 'later' | 'keep' | 'change' | 'held';

export function wordOf(step: Step): StepWord {
  switch (step.do) {
    case 'reuse':
      return 'reuse';
    case 'run':
      return touchesWorld(step.live) ? 'change' : 'run';
    case 'decide-later':
      return touchesWorld(step.live) ? 'change' : 'later';
    case 'keep':
      return step.live.action === 'held' ? 'held' : 'keep';
    default:
      return unreachable(step);
  }
}

/** The change a step makes in the world, when it makes one. */
export function liveOf(step: Step): LiveChange | undefined {
  return 'live' in step ? step.live : undefined;
}

/** What exactly a step would do, as far as it is known. */
export function fingerprintOf(step: Step): string | undefined {
  return 'fingerprint' in step ? step.fingerprint : undefined;
}

function touchesWorld(live: LiveChange | undefined): boolean {
  return live !== undefined && live.action !== 'none' && live.action !== 'held';
}

export interface PlanCount {
  readonly words: Readonly<Record<StepWord, number>>;
  readonly refused: number;
  readonly refusedByPolicy: number;
  /** Services that somebody else has changed. */
  readonly drifted: number;
  readonly unapproved: number;
  /** Nothing to run, nothing to decide, nothing to change. */
  readonly isEmpty: boolean;
}

export function countPlan(plan: Plan): PlanCount {
  const words: Record<StepWord, number> = { reuse: 0, run: 0, later: 0, keep: 0, change: 0, held: 0 };
  for (const step of plan.steps) words[wordOf(step)]++;
  const refused = plan.gates.filter(isRefused).length;
  const refusedByPolicy = plan.policies.filter((each) => each.verdict === 'refuse').length;
  const drifted = plan.steps.filter((step) => (liveOf(step)?.drift.length ?? 0) > 0).length;
  const unapproved = plan.approvals.filter((each) => each.state === 'needed').length;
  return { words, refused, refusedByPolicy, drifted, unapproved, isEmpty: words.run + words.later + words.change === 0 };
}

export function isRefused(gate: PlannedGate): boolean {
  return gate.verdict === 'fail' || gate.verdict === 'not-enough-data';
}

/** `2 to run, 1 decided later, 5 reused, 1 live change; about 12 s`. */
export function summaryLine(plan: Plan, cores = 1): string {
  const { words, refused, refusedByPolicy, drifted, unapproved, isEmpty } = countPlan(plan);
  const parts = [
    words.run > 0 && `${words.run} to run`,
    words.later > 0 && `${words.later} decided later`,
    words.reuse > 0 && `${words.reuse} reused`,
    words.keep > 0 && `${words.keep} live as wanted`,
    words.change > 0 && `${words.change} live change${words.change === 1 ? '' : 's'}`,
    words.held > 0 && `${words.held} held back`,
    refused > 0 && `${refused} gate${refused === 1 ? '' : 's'} refused`,
    refusedByPolicy > 0 && `${refusedByPolicy} refused by a policy`,
    drifted > 0 && `${drifted} changed outside of modelflow`,
    unapproved > 0 && `${unapproved} waiting for approval`,
  ].filter((part) => part !== false);
  const counted = parts.join(', ');
  if (isEmpty && refused + refusedByPolicy > 0) return `A run would be refused: ${counted}.`;
  if (isEmpty) return counted === '' ? 'Nothing to do: the pipeline is empty.' : `Nothing to do: ${counted}.`;
  const time = expectedTime(plan.steps, cores);
  return time ? `${counted}; ${time}` : counted;
}

/** From how long the steps took the last time; only a bound where some never ran or may be reused. */
export function expectedTime(steps: readonly Step[], cores = 1): string | undefined {
  const { leastMs, mostMs, isWhole } = expectedOf(steps, cores);
  if (mostMs === 0) return undefined;
  if (!isWhole) return leastMs > 0 ? `${formatMs(leastMs)} and more` : undefined;
  if (mostMs === leastMs) return `about ${formatMs(leastMs)}`;
  return leastMs === 0 ? `at most about ${formatMs(mostMs)}` : `about ${formatMs(leastMs)}, at most ${formatMs(mostMs)}`;
}

/** The verdict of a gate in a word or two. */
export function verdictWord(verdict: PlannedGate['verdict']): string {
  switch (verdict) {
    case 'pass':
      return 'pass';
    case 'fail':
      return 'REFUSED';
    case 'not-enough-data':
      return 'not enough data';
    case 'decided-later':
      return 'later';
    default:
      return unreachable(verdict);
  }
}

export function policyWord(verdict: PlannedPolicy['verdict']): string {
  switch (verdict) {
    case 'pass':
      return 'pass';
    case 'warn':
      return 'warning';
    case 'refuse':
      return 'REFUSED';
    case 'decided-later':
      return 'later';
    default:
      return unreachable(verdict);
  }
}

export function approvalWord({ state, by }: PlannedApproval): string {
  switch (state) {
    case 'given':
      return by === undefined ? 'approved' : `approved by ${by}`;
    case 'needed':
      return 'NEEDED';
    case 'decided-later':
      return 'asked later';
    default:
      return unreachable(state);
  }
}
