import type { Cause, FingerprintParts, LiveChange, Plan, Step } from '../spec/plan.ts';
import type { PlanFile } from '../spec/plan-file.ts';
import { causesOf } from './explain.ts';

/** One thing that is not as it was when the plan was reviewed. */
export type Moved =
  | { readonly what: 'config'; readonly path: string; readonly from: string | undefined; readonly to: string | undefined }
  | { readonly what: 'modelflow'; readonly from: string; readonly to: string }
  | { readonly what: 'step'; readonly node: string; readonly is: 'new' | 'gone' }
  | { readonly what: 'part'; readonly node: string; readonly cause: Cause }
  | { readonly what: 'live'; readonly node: string; readonly from: LiveChange; readonly to: LiveChange }
  | { readonly what: 'rule'; readonly rule: string; readonly is: 'new' | 'gone' };

/** Of the configuration and all it imports. */
export function movedConfig(before: PlanFile['config']['parts'], now: PlanFile['config']['parts']): readonly Moved[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((path): readonly Moved[] =>
    before[path] === now[path] ? [] : [{ what: 'config', path, from: before[path], to: now[path] }],
  );
}

/**
 * Everything that has moved between a reviewed plan and the one that would be made now. What was done of the plan in the meantime,
 * by a run of it that did not come to its end, has not moved: it is where the plan wants it.
 */
export function movedSince(reviewed: PlanFile, now: PlanFile): readonly Moved[] {
  const before = new Map(reviewed.steps.map((step) => [step.node, step]));
  const after = new Map(now.steps.map((step) => [step.node, step]));
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return [
    ...(reviewed.modelflow === now.modelflow ? [] : [{ what: 'modelflow', from: reviewed.modelflow, to: now.modelflow } as const]),
    ...movedConfig(reviewed.config.parts, now.config.parts),
    ...names.flatMap((node): readonly Moved[] => {
      const [from, to] = [before.get(node), after.get(node)];
      if (from === undefined || to === undefined) return [{ what: 'step', node, is: from === undefined ? 'new' : 'gone' }];
      const causes = movedParts(reviewed.parts[node], now.parts[node]);
      return [...causes.map((cause): Moved => ({ what: 'part', node, cause })), ...movedLive(from, to)];
    }),
    ...movedRules(reviewed, now),
  ];
}

/** An input that one of the two does not know yet has not moved: it follows from the parts of what makes it. */
export function movedParts(before: FingerprintParts | undefined, now: FingerprintParts | undefined): readonly Cause[] {
  if (before === undefined || now === undefined) return [];
  const common = (parts: FingerprintParts, other: FingerprintParts): FingerprintParts => ({
    ...parts,
    inputs: Object.fromEntries(Object.entries(parts.inputs).filter(([slot]) => Object.hasOwn(other.inputs, slot))),
  });
  return causesOf(common(before, now), common(now, before));
}

function movedLive(before: Step, now: Step): readonly Moved[] {
  const [from, to] = [liveOf(before), liveOf(now)];
  if (from === undefined || to === undefined) return [];
  // What one of the two leaves open, because a store holds less, is held to the plan when it is known (`Reviewed`).
  const isOpen = before.do === 'decide-later' || (now.do === 'decide-later' && to.action !== 'held');
  if (from.token === to.token && (isOpen || from.action === to.action || to.action === 'none')) return [];
  return isThere(before, now) || isOnItsWay(before, now) ? [] : [{ what: 'live', node: now.node, from, to }];
}

/** Live just as the plan wants it: an earlier run of the same plan got that far. */
function isThere(before: Step, now: Step): boolean {
  if (now.do === 'decide-later' || liveOf(now)?.action !== 'none') return false;
  return before.do === 'decide-later' || before.fingerprint === now.fingerprint;
}

/** A run of the same plan has begun the rollout, and did not come to its end. */
function isOnItsWay(before: Step, now: Step): boolean {
  const underway = liveOf(now)?.rollout?.underway;
  return (
    underway !== undefined &&
    now.do === 'run' &&
    underway.stamp === now.fingerprint &&
    (before.do === 'decide-later' || (before.do === 'run' && before.fingerprint === now.fingerprint))
  );
}

function liveOf(step: Step): LiveChange | undefined {
  return 'live' in step ? step.live : undefined;
}

/** Gates and policies may depend on more than the configuration's bytes, such as on the environment. */
function movedRules(before: Plan, now: Plan): readonly Moved[] {
  const [from, to] = [rulesOf(before), rulesOf(now)];
  return [
    ...[...to].filter((rule) => !from.has(rule)).map((rule): Moved => ({ what: 'rule', rule, is: 'new' })),
    ...[...from].filter((rule) => !to.has(rule)).map((rule): Moved => ({ what: 'rule', rule, is: 'gone' })),
  ];
}

function rulesOf(plan: Plan): ReadonlySet<string> {
  return new Set([
    ...plan.gates.map((gate) => `gate before \`${gate.node}\`: ${gate.text}`),
    ...plan.policies.map(({ policy, node }) => `policy "${policy}"${node === undefined ? '' : ` on \`${node}\``}`),
  ]);
}
