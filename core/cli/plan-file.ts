import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { z } from 'zod';
import type { Reviewed } from '../engine/run.ts';
import { planDigestOf } from '../plan/canonical.ts';
import { type Moved, movedConfig, movedParts, movedSince } from '../plan/review.ts';
import { failure, ModelflowError } from '../spec/diagnostic.ts';
import type { FingerprintParts, Plan } from '../spec/plan.ts';
import type { PlanFile } from '../spec/plan-file.ts';
import { packageManifest } from './package-root.ts';
import { commitOf } from './session.ts';
import type { Workspace } from './workspace.ts';

export type Selection = PlanFile['selection'];

/** A plan with everything that must not move before it is carried out. `parts`: of every step, as far as they are known. */
export async function planFileOf(
  workspace: Workspace,
  plan: Plan,
  parts: ReadonlyMap<string, FingerprintParts>,
  selection: Selection,
): Promise<PlanFile> {
  const whole = {
    ...plan,
    modelflow: packageManifest().version,
    commit: commitOf(workspace.config.root),
    config: await configOf(workspace),
    selection,
    parts: Object.fromEntries(parts),
  };
  // As a reader will have it: what JSON leaves out is not there.
  const written = JSON.parse(JSON.stringify(whole)) as Omit<PlanFile, 'planDigest'>;
  return { ...written, planDigest: planDigestOf(written) };
}

async function configOf({ config }: Workspace): Promise<PlanFile['config']> {
  const parts = await config.codeParts(config.file);
  return { digest: planDigestOf(parts), parts };
}

/** Whole or not at all: a reviewer must not be shown half a plan. */
export async function writePlanFile(path: string, file: PlanFile): Promise<void> {
  const { planFileSchema } = await import('../spec/plan-file.ts');
  // What could not be read again would be found out only by whoever is to carry it out.
  const written: z.input<typeof planFileSchema> = { ...file };
  planFileSchema.parse(written);
  const mine = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(mine, `${JSON.stringify(file, undefined, 2)}\n`);
    renameSync(mine, path);
  } catch (error) {
    throw failure('MF2105', `the plan cannot be written to ${path}: ${error instanceof Error ? error.message : String(error)}`, {
      hint: 'Name a file in a folder that is there and that you may write to.',
    });
  }
}

/** Fails with MF2102 for what is no plan or was changed since, MF2103 for one of a newer format. */
export async function readPlanFile(path: string): Promise<PlanFile> {
  const { planFileSchema } = await import('../spec/plan-file.ts');
  const given = jsonIn(path);
  const format = typeof given === 'object' && given !== null && 'format' in given ? given.format : undefined;
  if (typeof format === 'number' && format > 2)
    throw failure('MF2103', `${path} has format ${format}; this modelflow reads plans of format 2`, {
      hint: 'Use the modelflow that made it, or make a new plan.',
    });
  const problem = (why: string): Error =>
    failure('MF2102', `${path} is no plan that can be carried out: ${why}`, { hint: 'Make one with `modelflow plan --out plan.json`.' });
  if (format === 1) throw problem('it was made by an older modelflow');
  const parsed = planFileSchema.safeParse(given);
  const [issue] = parsed.error?.issues ?? [];
  if (issue) throw problem(issue.path.length === 0 ? 'it is not a plan' : `${issue.path.map(String).join('.')}: ${issue.message}`);
  // The schema has just said so; what JSON leaves out is undefined here.
  const { planDigest, ...rest } = given as PlanFile;
  if (planDigestOf(rest) !== planDigest) throw problem('it was changed after it was made');
  return given as PlanFile;
}

function jsonIn(path: string): unknown {
  const unreadable = (why: string): Error =>
    failure('MF2102', `${path} cannot be read as a plan: ${why}`, { hint: 'Make one with `modelflow plan --out plan.json`.' });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error));
  }
  try {
    return JSON.parse(text);
  } catch {
    // A file that was cut off, or something else altogether.
    throw unreadable('it is not JSON');
  }
}

/** MF2101, naming all that moved between the reviewed plan and now; `remake` makes the plan of now. */
export async function holdToReviewed(
  workspace: Workspace,
  reviewed: PlanFile,
  path: string,
  remake: () => Promise<PlanFile>,
): Promise<{ readonly plan: PlanFile; readonly reviewed: Reviewed }> {
  const { movedText } = await import('../report/moved-text.ts');
  const refuse = (moved: readonly Moved[], more: readonly string[] = []): Error =>
    failure('MF2101', `the plan in ${path} no longer fits what it would be carried out on`, {
      detail: [...moved.flatMap(movedText), ...more],
      hint: 'Nothing was made and nothing deployed. Make a new plan, and have it reviewed.',
    });
  const { pipeline } = workspace.config.pipeline;
  if (reviewed.pipeline !== pipeline)
    throw failure('MF2104', `${path} is a plan of the pipeline ${reviewed.pipeline}, and this is ${pipeline}`, {
      hint: 'Name the configuration it was made of with --config.',
    });
  let now: PlanFile;
  try {
    now = await remake();
  } catch (error) {
    if (!(error instanceof ModelflowError)) throw error;
    const config = movedConfig(reviewed.config.parts, (await configOf(workspace)).parts);
    // A file that is gone has moved as well; anything else is what it says.
    if (config.length === 0 && error.diagnostics[0]?.code !== 'MF1107') throw error;
    throw refuse(
      config,
      error.diagnostics.map((each) => each.message),
    );
  }
  const moved = movedSince(reviewed, now);
  if (moved.length > 0) throw refuse(moved);
  return { plan: now, reviewed: reviewedOf(reviewed, refuse) };
}

function reviewedOf(reviewed: PlanFile, refuse: (moved: readonly Moved[]) => Error): Reviewed {
  return {
    check(node, parts) {
      const causes = movedParts(reviewed.parts[node], parts);
      if (causes.length > 0) throw refuse(causes.map((cause) => ({ what: 'part', node, cause })));
    },
    tokens: new Map(reviewed.steps.flatMap((step) => ('live' in step && step.live ? [[step.node, step.live.token] as const] : []))),
  };
}
