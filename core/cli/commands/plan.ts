import { resolve } from 'node:path';
import { makePlan, type PlanPorts } from '../../plan/plan.ts';
import type { ExitCode } from '../../spec/codes.ts';
import type { FingerprintParts, Plan } from '../../spec/plan.ts';
import type { PlanFile } from '../../spec/plan-file.ts';
import { capacityOfMachine } from '../../world/machine.ts';
import { planPorts } from '../engine-ports.ts';
import type { Heard } from '../github/tell.ts';
import { leftBehind, leftBehindWarnings } from '../left-behind.ts';
import { type SelectionWords, selectionOf } from '../selection.ts';
import { printable, showDiagnostics } from '../show.ts';
import { theirTalkAside } from '../their-talk.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

export interface PlanOptions extends Where, SelectionWords {
  readonly format: 'text' | 'json' | 'markdown';
  readonly detailedExitcode: boolean;
  /** Where the plan is written for review. */
  readonly out: string | undefined;
  readonly heard?: Heard;
}

/** `modelflow plan`: what would happen, and why. Nothing is changed on disk or in the world. */
export async function planCommand(options: PlanOptions, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  options.heard?.workspace(workspace);
  await showDiagnostics(workspace.warnings);
  const isWhole = options.out !== undefined || options.format === 'json';
  const file = isWhole ? await wholePlanOf(workspace, options, signal) : undefined;
  const plan = file ?? (await planOf(workspace, options, signal));
  await showDiagnostics(leftBehindWarnings(await leftBehind(workspace, signal)));
  options.heard?.plan(plan);
  console.log(await rendered(plan, options.format));
  if (options.out !== undefined && file) await handOver(file, options.cwd, options.out);
  if (!options.detailedExitcode) return 0;
  // A run would end with 3, whatever else it would do.
  if (plan.gates.some((gate) => gate.verdict === 'fail' || gate.verdict === 'not-enough-data')) return 3;
  if (plan.policies.some((each) => each.verdict === 'refuse')) return 3;
  return hasChanges(plan) ? 10 : 0;
}

async function handOver(plan: PlanFile, cwd: string, out: string): Promise<void> {
  const { writePlanFile } = await import('../plan-file.ts');
  await writePlanFile(resolve(cwd, out), plan);
  console.error(`the plan ${plan.planDigest.slice(0, 12)} is in ${out}: \`modelflow run --plan ${out}\` does exactly this, or nothing`);
}

/** The plan with all that must not move before it is carried out. */
export async function wholePlanOf(workspace: Workspace, options: SelectionWords, signal: AbortSignal): Promise<PlanFile> {
  const { planFileOf } = await import('../plan-file.ts');
  const parts = new Map<string, FingerprintParts>();
  const plan = await planOf(workspace, options, signal, (node, found) => void parts.set(node, found));
  return planFileOf(workspace, plan, parts, { only: options.only, from: options.from ?? [], force: options.force });
}

export async function planOf(
  workspace: Workspace,
  options: SelectionWords,
  signal: AbortSignal,
  onParts?: (node: string, parts: FingerprintParts) => void,
  ports: PlanPorts = planPorts(workspace, signal),
): Promise<Plan> {
  const { graph, config, profile } = workspace;
  const { within, forced } = selectionOf(graph, options);
  const request = { pipeline: config.pipeline.pipeline, profile, graph, within, forced, policies: workspace.policies };
  const plan = await theirTalkAside(() => makePlan({ ...request, ...(onParts ? { onParts } : {}) }, ports));
  workspace.digests.keep();
  return plan;
}

function hasChanges(plan: Plan): boolean {
  return plan.steps.some((step) => step.do === 'run' || step.do === 'decide-later' || (step.do === 'keep' && step.live.drift.length > 0));
}

async function rendered(plan: Plan, format: PlanOptions['format']): Promise<string> {
  switch (format) {
    case 'json':
      return JSON.stringify(plan, undefined, 2);
    case 'markdown':
      return (await import('../../report/plan-markdown.ts')).planMarkdown(plan, { cores: capacityOfMachine().cpu });
    case 'text':
      return printable((await import('../../report/plan-text.ts')).planText(plan, { cores: capacityOfMachine().cpu }));
  }
}
