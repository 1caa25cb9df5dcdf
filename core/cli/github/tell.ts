import { writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { planDigestOf } from '../../plan/canonical.ts';
import type { Graph } from '../../plan/graph.ts';
import { type RunView, viewOf } from '../../plan/view.ts';
import { driftMarkdown } from '../../report/drift-text.ts';
import { isRefused, summaryLine } from '../../report/plan-summary.ts';
import { runBody, runMarker } from '../../report/run-markdown.ts';
import { summaryText } from '../../report/summary.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { type Diagnostic, ModelflowError } from '../../spec/diagnostic.ts';
import type { RunEvent } from '../../spec/event.ts';
import type { Drift, Plan } from '../../spec/plan.ts';
import { findConfig } from '../config-find.ts';
import { annotate } from '../show.ts';
import type { Where, Workspace } from '../workspace.ts';
import { addToSummary, writeOutputs } from './files.ts';
import { commentBytes, commentOf, type PlanReport, problemReport, reportBody, summaryBytes } from './report.ts';
import { type GithubJob, githubJob } from './surroundings.ts';
import { tryToComment } from './tell-comment.ts';

/** What a command has to tell, as soon as it knows it. */
export interface Heard {
  workspace(workspace: Workspace): void;
  plan(plan: Plan & { readonly planDigest?: string }): void;
  drift(drift: Drift): void;
  /** A run has begun: the journal tells the rest. */
  run(run: string): void;
}

export interface Telling {
  readonly where: Where;
  readonly command: 'plan' | 'run' | 'drift';
  /** `--github` alone, or with the file that a later job makes the comment of. */
  readonly github: true | string;
  /** The file of the plan that the command writes or carries out. */
  readonly planFile: string | undefined;
}

interface End {
  readonly code: ExitCode;
  readonly diagnostics: readonly Diagnostic[];
  readonly error?: ModelflowError;
}

/**
 * Does the work of a command and tells GitHub what it came to: outputs, the summary of the job, and the comment on the pull request. What
 * the command ends with stays as it is: a comment that cannot be written is a warning.
 */
export async function tellingGithub(given: Telling, work: (heard: Heard) => Promise<ExitCode>, signal: AbortSignal): Promise<ExitCode> {
  const job = githubJob(process.env);
  const told: { plan?: Plan & { readonly planDigest?: string }; drift?: Drift; run?: string; workspace?: Workspace } = {};
  const heard: Heard = {
    workspace: (workspace) => Object.assign(told, { workspace }),
    plan: (plan) => Object.assign(told, { plan }),
    drift: (drift) => Object.assign(told, { drift }),
    run: (run) => Object.assign(told, { run }),
  };
  const end = await ended(work, heard);
  const { plan, drift, run, workspace } = told;
  writeOutputs(job, { 'exit-code': String(end.code) });
  if (workspace && run !== undefined) await tellRun(job, viewOf(eventsOf(workspace, run)), workspace, given, signal);
  else if (workspace && plan && !end.error) await tellPlan(job, plan, workspace, given, signal);
  else if (workspace && drift) tellDrift(job, drift, workspace);
  else await tellProblem(job, end.diagnostics, workspace, given, signal);
  if (end.error) throw end.error;
  return end.code;
}

async function ended(work: (heard: Heard) => Promise<ExitCode>, heard: Heard): Promise<End> {
  try {
    return { code: await work(heard), diagnostics: [] };
  } catch (error) {
    // Anything else is our bug, and is shown as one.
    if (!(error instanceof ModelflowError)) throw error;
    return { code: error.exitCode, diagnostics: error.diagnostics, error };
  }
}

async function tellPlan(
  job: GithubJob,
  plan: Plan & { readonly planDigest?: string },
  workspace: Workspace,
  given: Telling,
  signal: AbortSignal,
): Promise<void> {
  const { redactor } = workspace.secrets;
  const { pipeline, profile, steps, gates, policies, approvals } = plan;
  const planDigest = plan.planDigest ?? planDigestOf(plan);
  // What decides the bytes stands in the plan file; a reader of the comment needs the plan alone.
  const shown: Plan = { format: plan.format, pipeline, profile, steps, gates, policies, approvals };
  const config = configPath(job, given.where);
  const report: PlanReport = { format: 1, report: 'modelflow plan', config, plan: shown, planDigest };
  writeOutputs(job, {
    'has-changes': String(changesAnything(plan)),
    summary: redactor.text(summaryLine(plan)),
    plan: given.planFile && resolve(given.where.cwd, given.planFile),
    'plan-digest': planDigest,
  });
  annotate(refusals(plan, workspace));
  await show(job, report, given, (text) => redactor.text(text), signal);
}

/** What a run would be refused for, at the calls in the configuration that it is about. */
function refusals(plan: Plan, { graph }: Workspace): readonly Diagnostic[] {
  const at = (node: string | undefined) => {
    const place = node === undefined ? undefined : graph.byName.get(node)?.node.place();
    return { severity: 'error', ...(node === undefined ? {} : { node }), ...(place ? { at: place } : {}) } as const;
  };
  const gates = plan.gates.filter(isRefused).map(({ node, text, verdict, detail }): Diagnostic => {
    const code = verdict === 'fail' ? 'MF4001' : 'MF4002';
    return { code, message: `the gate before \`${node}\` refuses: ${text}: ${detail}`, ...at(node) };
  });
  const policies = plan.policies
    .filter(({ verdict }) => verdict === 'refuse')
    .map(({ policy, node, message }): Diagnostic => ({ code: 'MF4110', message: `${policy}: ${message}`, ...at(node) }));
  return [...gates, ...policies];
}

function tellDrift(job: GithubJob, drift: Drift, { secrets: { redactor } }: Workspace): void {
  addToSummary(job, summaryBytes, (limit) => redactor.text(driftMarkdown(drift, { limit })));
  writeOutputs(job, { 'has-changes': String(drift.services.some(({ changes }) => changes.length > 0)) });
}

/** No plan was made, or no run begun: what was told of a plan before holds no longer. */
async function tellProblem(
  job: GithubJob,
  diagnostics: readonly Diagnostic[],
  workspace: Workspace | undefined,
  given: Telling,
  signal: AbortSignal,
): Promise<void> {
  const report = problemReport(given.command, configPath(job, given.where), diagnostics, job.workspace);
  await show(job, report, given, (text) => workspace?.secrets.redactor.text(text) ?? text, signal);
}

async function show(
  job: GithubJob,
  report: PlanReport,
  given: Telling,
  redacted: (text: string) => string,
  signal: AbortSignal,
): Promise<void> {
  addToSummary(job, summaryBytes, (room) => redacted(reportBody(report, job, room)));
  if (typeof given.github === 'string') {
    writeFileSync(resolve(given.where.cwd, given.github), redacted(`${JSON.stringify(report)}\n`));
    return;
  }
  // A run that could not begin says nothing about the plan, nor does a look at what is live.
  if (given.command !== 'plan' && !('plan' in report)) return;
  const { marker, body } = commentOf(report, job);
  const isWorthBeginning = 'plan' in report && changesAnything(report.plan);
  await tryToComment(job, { marker, body: redacted(body), config: report.config, isWorthBeginning }, signal);
}

/** The journal is what a run is told from: it knows of what failed as well. */
async function tellRun(job: GithubJob, view: RunView, workspace: Workspace, given: Telling, signal: AbortSignal): Promise<void> {
  const { redactor } = workspace.secrets;
  const results = resultsText(view, workspace.graph);
  const elsewhere = job.runUrl === undefined ? '`modelflow logs`' : `[the log](${job.runUrl})`;
  const body = (limit: number): string => redactor.text(runBody(view, { limit, results, elsewhere }));
  addToSummary(job, summaryBytes, body);
  writeOutputs(job, { run: view.run, outcome: view.outcome, 'plan-digest': view.plan && planDigestOf(view.plan) });
  const config = configPath(job, given.where);
  await tryToComment(job, { marker: runMarker(view), body: body(commentBytes), config, isWorthBeginning: true }, signal);
}

/** The journal, and after it what the stages said: only the last lines of it are shown. */
function eventsOf({ store }: Workspace, run: string): readonly RunEvent[] {
  return [...store.runs.events(run), ...store.runs.said(run).filter(({ type }) => type === 'node-output')];
}

function resultsText(view: RunView, graph: Graph): string {
  const rows = graph.nodes.flatMap(({ name, isNamed, node }) => {
    const facts = view.nodes.get(name)?.facts;
    const { output } = node.stage;
    return facts !== undefined && isNamed ? [{ node: name, kind: output.name, headlines: output.headlines, facts }] : [];
  });
  return summaryText(rows);
}

/** Whether a run would do anything, or somebody else has. */
export function changesAnything(plan: Plan): boolean {
  return plan.steps.some((step) => step.do === 'run' || step.do === 'decide-later' || (step.do === 'keep' && step.live.drift.length > 0));
}

/** From the root of the checkout: the same in every job, and in every clone. */
function configPath(job: GithubJob, where: Where): string {
  try {
    const file = findConfig({ from: where.cwd, ...(where.config === undefined ? {} : { file: where.config }) });
    return relative(job.workspace, file);
  } catch {
    // There is none: that is what there is to tell.
    return where.config ?? 'deploy.config.ts';
  }
}
