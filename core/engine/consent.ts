import type { GraphNode } from '../plan/graph.ts';
import { approvalKey } from '../plan/history.ts';
import { judgeFacts } from '../plan/policy.ts';
import { type Diagnostic, failure, ModelflowError } from '../spec/diagnostic.ts';
import type { Plan, PlannedPolicy } from '../spec/plan.ts';
import type { Policy } from '../spec/plan-policy.ts';
import type { StoredArtifact } from '../spec/port.ts';
import type { Emit, EnginePorts } from './ports.ts';

/** A node that is about to be done, or was just done, in a run that asks first. */
export interface Consent {
  readonly node: GraphNode;
  readonly request: {
    readonly plan: Plan;
    readonly planDigest: string;
    readonly policies: readonly Policy[];
    readonly approve: ReadonlySet<string>;
  };
  readonly ports: Pick<EnginePorts, 'lastFacts' | 'origin' | 'approval'>;
  readonly emit: Emit;
}

/** Somebody has to approve the node first: it did not fail, and the rest of the run goes on. */
export class ApprovalPending extends ModelflowError {}

/** What the policies on the plan have to say is written down; what they refuse is returned, and then nothing is done at all. */
export async function refusedBefore(plan: Plan, emit: Emit): Promise<readonly Diagnostic[]> {
  const found = plan.policies.filter((each) => each.node === undefined);
  for (const each of found) await tell(each, emit);
  return found
    .filter((each) => each.verdict === 'refuse')
    .map((each) => ({ ...refusal(each), hint: 'Nothing was made and nothing deployed.' }));
}

/** Judges what was just made or reused. Throws MF4110, so that nothing that needs it is done. */
export async function judgeFactsPolicies({ node, request, ports, emit }: Consent, artifact: StoredArtifact): Promise<StoredArtifact> {
  const { facts } = artifact;
  const known = { node: node.name, profile: request.plan.profile, facts, last: () => ports.lastFacts(node.name) };
  const found = judgeFacts(request.policies, node.node, node.name, known);
  for (const each of found) await tell(each, emit);
  const refused = found.filter((each) => each.verdict === 'refuse').map(refusal);
  if (refused.length > 0)
    throw new ModelflowError(refused.map((each) => ({ ...each, hint: `Nothing that needs \`${node.name}\` is done.` })));
  return artifact;
}

async function tell({ policy, node, verdict, message }: PlannedPolicy, emit: Emit): Promise<void> {
  if (verdict !== 'decided-later') await emit({ type: 'policy-judged', policy, node, verdict, message });
}

function refusal({ policy, node, message }: PlannedPolicy): Diagnostic {
  const of = node === undefined ? '' : ` on \`${node}\``;
  return { code: 'MF4110', severity: 'error', message: `the policy "${policy}" refuses${of}: ${message}` };
}

/** Resolves when exactly this is approved, by an earlier command or by this one; throws `ApprovalPending` otherwise. */
export async function waitForApproval({ node, request, ports, emit }: Consent, fingerprint: string): Promise<void> {
  const why = node.node.policy.approval;
  if (why === undefined || ports.approval(approvalKey(node.name, fingerprint))) return;
  if (request.approve.has(node.name)) {
    const { by, commit } = ports.origin;
    await emit({ type: 'approval-given', node: node.name, fingerprint, planDigest: request.planDigest, by, commit });
    return;
  }
  await emit({ type: 'approval-needed', node: node.name, fingerprint, why });
  const short = fingerprint.slice(0, 12);
  // What counts for one profile is nothing in another, so the command that is shown must name it.
  const of = request.plan.profile === 'default' ? '' : ` --profile ${request.plan.profile}`;
  throw new ApprovalPending(
    failure('MF4101', `\`${node.name}\` waits for an approval: ${why}`, {
      hint: `Look at \`modelflow plan${of}\`, then \`modelflow approve ${node.name} --for ${short}${of}\` and run again. It counts for fingerprint ${short} only.`,
    }).diagnostics,
  );
}
