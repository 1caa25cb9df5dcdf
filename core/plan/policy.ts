import type { Plan, PlannedPolicy } from '../spec/plan.ts';
import type { Finding, Policy, PolicyNode } from '../spec/plan-policy.ts';
import type { StageNode } from '../spec/ref.ts';

/** What the policies on the plan say. One that throws, or returns what is no finding, refuses. */
export function judgePlan(policies: readonly Policy[], plan: Plan, nodesOf: () => readonly PolicyNode[]): readonly PlannedPolicy[] {
  const onPlan = policies.filter((each) => each.on === 'plan');
  if (onPlan.length === 0) return [];
  const shown = { plan, nodes: nodesOf(), pipeline: plan.pipeline, profile: plan.profile };
  // A policy looks at the plan; what it may do to it must be neither what is run nor what the next one is shown.
  return onPlan.flatMap((each) => judged(each.policy, undefined, () => each.judge(structuredClone(shown))));
}

export interface KnownFacts {
  readonly node: string;
  readonly profile: string;
  readonly facts: unknown;
  last(): unknown;
}

/** What the policies on facts say of a node; `known` undefined: it is not made yet. */
export function judgeFacts(
  policies: readonly Policy[],
  of: StageNode,
  node: string,
  known: KnownFacts | undefined,
): readonly PlannedPolicy[] {
  return policies.flatMap((each): readonly PlannedPolicy[] => {
    if (each.on !== 'facts' || !each.isOf(of)) return [];
    if (known === undefined) return [{ policy: each.policy, node, verdict: 'decided-later', message: '' }];
    const judge = each.judge as (given: unknown) => unknown;
    return judged(each.policy, node, () =>
      judge(structuredClone({ node, profile: known.profile, facts: known.facts, last: known.last() })),
    );
  });
}

function judged(policy: string, node: string | undefined, judge: () => unknown): readonly PlannedPolicy[] {
  const refused = (message: string): readonly PlannedPolicy[] => [{ policy, node, verdict: 'refuse', message }];
  try {
    const said = judge();
    const list = (Array.isArray(said) ? said : [said]).filter((each): each is unknown => each !== undefined);
    const strange = list.find((each) => !isFinding(each));
    // A promise, or true: what was meant cannot be known.
    if (strange !== undefined) return refused(`the policy returned ${kindOf(strange)}, and not what warn or refuse return`);
    const found = (list as readonly Finding[]).map(({ finding, message }): PlannedPolicy => ({ policy, node, verdict: finding, message }));
    return found.length > 0 ? found : [{ policy, node, verdict: 'pass', message: '' }];
  } catch (error) {
    return refused(`the policy threw: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isFinding(value: unknown): value is Finding {
  return (
    typeof value === 'object' &&
    value !== null &&
    'finding' in value &&
    (value.finding === 'warn' || value.finding === 'refuse') &&
    'message' in value &&
    typeof value.message === 'string'
  );
}

function kindOf(value: unknown): string {
  if (value instanceof Promise) return 'a promise';
  return value === null ? 'null' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
