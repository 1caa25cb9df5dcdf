import { planDigestOf } from '../../plan/canonical.ts';
import { approvalKey } from '../../plan/history.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import type { Plan, Step } from '../../spec/plan.ts';
import { packageManifest } from '../package-root.ts';
import { beginSession } from '../session.ts';
import { named, openWorkspace, type Where, type Workspace } from '../workspace.ts';
import { planOf } from './plan.ts';

export interface ApproveOptions extends Where {
  /** Nodes or stages; all that wait when empty. */
  readonly stages: readonly string[];
  /** The beginning of the fingerprint that is meant. */
  readonly for: string | undefined;
}

interface Approved {
  readonly node: string;
  readonly fingerprint: string;
}

/** `modelflow approve`: journals who approves what exactly a stage would do now. Does none of it. */
export async function approveCommand(options: ApproveOptions, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const { config, profile } = workspace;
  const session = beginSession(workspace);
  try {
    const began = Date.now();
    const plan = await planOf(workspace, { only: [], force: [] }, signal);
    const approved = chosen(workspace, plan, options);
    const { run, journal, origin } = session;
    const { pipeline } = config.pipeline;
    const { by, commit } = origin;
    const { version } = packageManifest();
    await journal.append({ type: 'operation-started', run, pipeline, profile, modelflow: version, operation: 'approve', by, commit });
    for (const each of approved) {
      await journal.append({ type: 'approval-given', ...each, planDigest: planDigestOf(plan), by, commit });
      console.log(`${each.node} is approved for ${each.fingerprint.slice(0, 12)}${by === undefined ? '' : ` by ${by}`}`);
    }
    await journal.append({ type: 'run-ended', outcome: 'ok', durationMs: Date.now() - began });
    return 0;
  } finally {
    await session.end(signal);
  }
}

function chosen(workspace: Workspace, plan: Plan, options: ApproveOptions): readonly Approved[] {
  const nodes =
    options.stages.length > 0
      ? options.stages.flatMap((word) => named(workspace.graph, word))
      : plan.approvals.filter((each) => each.state === 'needed').map((each) => each.node);
  const later = plan.approvals.filter((each) => each.state === 'decided-later').map((each) => each.node);
  if (nodes.length === 0)
    throw failure('MF4102', 'no stage waits for an approval', {
      hint: later.length > 0 ? `${later.join(', ')} will: run first, so that it is known for what.` : 'See `modelflow plan`.',
    });
  return nodes.map((node) => approvalOf(workspace, plan, node, options.for));
}

/** Also of what is done already: somebody may want to do it again with --force. */
function approvalOf(workspace: Workspace, plan: Plan, node: string, wanted: string | undefined): Approved {
  if (workspace.graph.byName.get(node)?.node.policy.approval === undefined)
    throw failure('MF4102', `\`${node}\` needs no approval`, { hint: 'Only stages that were given the option `approval` do.' });
  const step = plan.steps.find((each) => each.node === node);
  const fingerprint = step && fingerprintIn(step);
  if (fingerprint === undefined)
    throw failure('MF4102', `what \`${node}\` would do is not known yet`, {
      hint: `It is decided after ${step?.do === 'decide-later' ? step.after.join(', ') : 'its inputs'}: run first, then approve.`,
    });
  if (wanted !== undefined && !fingerprint.startsWith(wanted))
    throw failure('MF4103', `\`${node}\` would now do ${fingerprint.slice(0, 12)}, and not ${wanted}`, {
      hint: 'Something changed since. Look at `modelflow plan` again.',
    });
  const { by } = workspace.store.past().approvals.get(approvalKey(node, fingerprint)) ?? {};
  if (by !== undefined) console.error(`${node} was approved already, by ${by}`);
  return { node, fingerprint };
}

function fingerprintIn(step: Step): string | undefined {
  return step.do === 'decide-later' ? undefined : step.fingerprint;
}
