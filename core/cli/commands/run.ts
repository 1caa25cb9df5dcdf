import { resolve } from 'node:path';
import { type Reviewed, type RunResult, run } from '../../engine/run.ts';
import { planDigestOf } from '../../plan/canonical.ts';
import { codes, type ExitCode } from '../../spec/codes.ts';
import { type Diagnostic, failure } from '../../spec/diagnostic.ts';
import type { Reporter } from '../../spec/journal.ts';
import type { Plan } from '../../spec/plan.ts';
import type { PlanFile } from '../../spec/plan-file.ts';
import { capacityOfMachine } from '../../world/machine.ts';
import { telemetryReporter, wantsTelemetry } from '../../world/telemetry.ts';
import { enginePorts } from '../engine-ports.ts';
import type { Heard } from '../github/tell.ts';
import { leftBehind, leftBehindWarnings } from '../left-behind.ts';
import { packageManifest } from '../package-root.ts';
import { revealAll } from '../secrets.ts';
import { type SelectionWords, selectionOf } from '../selection.ts';
import { beginSession } from '../session.ts';
import { printable, showDiagnostics, wantsColor } from '../show.ts';
import { named, openWorkspace, type Where, type Workspace } from '../workspace.ts';
import { planCommand, planOf, wholePlanOf } from './plan.ts';

export interface RunOptions extends Where, SelectionWords {
  readonly concurrency: number | undefined;
  readonly keepGoing: boolean;
  /** Nodes or stages that whoever starts the run approves. */
  readonly approve: readonly string[];
  /** The file of a reviewed plan: exactly that is done, or nothing. */
  readonly plan: string | undefined;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly heard?: Heard;
}

/** `modelflow run`: makes what is not made yet. Whatever stopped the run before, it goes on from there. */
export async function runCommand(given: RunOptions, signal: AbortSignal): Promise<ExitCode> {
  const file = given.plan === undefined ? undefined : await readReviewed(given, given.plan);
  const options = file ? { ...given, profile: file.profile, ...file.selection } : given;
  if (options.dryRun)
    return planCommand({ ...options, format: options.json ? 'json' : 'text', detailedExitcode: false, out: undefined }, signal);
  const workspace = await openWorkspace(options);
  options.heard?.workspace(workspace);
  await showDiagnostics(workspace.warnings);
  const remade = file && (await remakeReviewed(workspace, file, given.plan ?? '', signal));
  const { within, forced } = selectionOf(workspace.graph, options);
  const session = beginSession(workspace);
  options.heard?.run(session.run);
  try {
    const plan = remade?.plan ?? (await planOf(workspace, options, signal));
    const begun = new Set(plan.steps.flatMap((step) => (step.do === 'run' || step.do === 'decide-later' ? [step.node] : [])));
    revealAll(
      workspace.graph.nodes.filter((node) => begun.has(node.name)),
      workspace.secrets,
    );
    const capacity = capacityOfMachine(options.concurrency);
    const reporters = await reportersFor(options, plan, capacity.cpu);
    const planDigest = file?.planDigest ?? planDigestOf(plan);
    const origin = { ...session.origin, planDigest };
    const ports = enginePorts(workspace, { ...session, origin, reporters, signal });
    const result = await run(
      {
        run: session.run,
        modelflow: packageManifest().version,
        graph: workspace.graph,
        within,
        forced,
        plan,
        planDigest,
        policies: workspace.policies,
        approve: approvedNodes(workspace, options.approve),
        ...(remade ? { reviewed: remade.reviewed } : {}),
        capacity,
        keepGoing: options.keepGoing,
        signal,
      },
      ports,
    ).finally(() => Promise.all(reporters.map((reporter) => reporter.end())));
    // A run that was told to stop stops; asking the world may take a while.
    if (!signal.aborted) await showDiagnostics(leftBehindWarnings(await leftBehind(workspace, signal)));
    return await conclude(workspace, options, result);
  } finally {
    await session.end(signal);
  }
}

async function readReviewed(options: RunOptions, path: string): Promise<PlanFile> {
  const { readPlanFile } = await import('../plan-file.ts');
  const file = await readPlanFile(resolve(options.cwd, path));
  if (options.profile === undefined || options.profile === file.profile) return file;
  throw failure('MF2104', `${path} is a plan of the profile ${file.profile}, and not of ${options.profile}`, {
    hint: 'Leave --profile out.',
  });
}

async function remakeReviewed(
  workspace: Workspace,
  file: PlanFile,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly plan: Plan; readonly reviewed: Reviewed }> {
  const { holdToReviewed } = await import('../plan-file.ts');
  return holdToReviewed(workspace, file, path, () => wholePlanOf(workspace, file.selection, signal));
}

/** From the command line, and from MODELFLOW_APPROVE with commas between. */
function approvedNodes(workspace: Workspace, words: readonly string[]): ReadonlySet<string> {
  const inEnvironment = (process.env['MODELFLOW_APPROVE'] ?? '').split(',').map((word) => word.trim());
  return new Set([...words, ...inEnvironment.filter((word) => word !== '')].flatMap((word) => named(workspace.graph, word)));
}

async function reportersFor(options: RunOptions, plan: Plan, cores: number): Promise<readonly Reporter[]> {
  const shown = await reporterFor(options, plan, cores);
  if (!wantsTelemetry(process.env)) return [shown];
  const warn = (diagnostics: readonly Diagnostic[]): Promise<void> => showDiagnostics(diagnostics);
  const sent = await telemetryReporter({ env: process.env, version: packageManifest().version, warn });
  return sent ? [shown, sent] : [shown];
}

async function reporterFor(options: RunOptions, plan: Plan, cores: number): Promise<Reporter> {
  if (options.json) return (await import('../../report/json.ts')).jsonReporter(process.stdout);
  if (process.stderr.isTTY && !process.env['CI'] && process.env['TERM'] !== 'dumb')
    return (await import('../../report/live.ts')).liveReporter(plan, { cores });
  return (await import('../../report/plain.ts')).plainReporter({ write: (text) => process.stderr.write(printable(text)) }, { cores });
}

async function conclude(workspace: Workspace, options: RunOptions, result: RunResult): Promise<ExitCode> {
  for (const { digest, why } of workspace.store.quarantined)
    console.error(`warning: artifact ${digest.slice(0, 12)} was damaged (${why}) and set aside`);
  await showDiagnostics(result.diagnostics);
  if (!options.json) await showSummary(workspace, result);
  if (result.outcome === 'stopped') {
    console.error('stopped: what was finished is kept; run again to go on');
    return 130;
  }
  const [first] = result.diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  return first ? codes[first.code].exit : 0;
}

async function showSummary(workspace: Workspace, result: RunResult): Promise<void> {
  const { summaryText } = await import('../../report/summary.ts');
  const rows = workspace.graph.nodes.flatMap((node) => {
    const artifact = result.made.get(node.name);
    const { output } = node.node.stage;
    return artifact && node.isNamed ? [{ node: node.name, kind: output.name, headlines: output.headlines, facts: artifact.facts }] : [];
  });
  const text = summaryText(rows, { color: wantsColor(process.stdout) });
  if (text !== '') console.log(printable(text));
}
