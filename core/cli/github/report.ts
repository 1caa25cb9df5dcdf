import { readFileSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { problemBody } from '../../report/diagnostic-markdown.ts';
import { planBody, planMarker } from '../../report/plan-markdown.ts';
import { type Diagnostic, failure } from '../../spec/diagnostic.ts';
import { isUsableName } from '../../spec/pipeline.ts';
import type { Plan } from '../../spec/plan.ts';
import type { GithubJob } from './surroundings.ts';

/** What a plan came to, for a later job that may write comments and runs none of the code the plan was made of. */
export type PlanReport = {
  readonly format: 1;
  readonly report: 'modelflow plan';
  /** Of the configuration, from the root of the checkout. */
  readonly config: string;
} & ({ readonly plan: Plan; readonly planDigest: string } | { readonly command: string; readonly diagnostics: readonly Diagnostic[] });

/** That there is none, and why. */
export function problemReport(command: string, config: string, diagnostics: readonly Diagnostic[], workspace: string): PlanReport {
  // In another job the same checkout may lie elsewhere.
  const placed = diagnostics.map((each) => (each.at ? { ...each, at: { ...each.at, file: placeIn(workspace, each.at.file) } } : each));
  return { format: 1, report: 'modelflow plan', config, command, diagnostics: placed };
}

function placeIn(folder: string, file: string): string {
  const path = relative(folder, file);
  return path.startsWith('..') || isAbsolute(path) ? file : path;
}

/** GitHub takes 1 MiB for the summary of a step; a step may have written to it before. */
export const summaryBytes = 1_000_000;
/** GitHub refuses a comment of more than 65 536 characters; the first two lines and the last are ours. */
export const commentBytes = 63_500;

export interface Comment {
  /** Undefined where it is not known which pipeline it is about. */
  readonly marker: string | undefined;
  readonly body: string;
}

/** The report as a comment. Fails with MF1213 when the file was not written by this modelflow: it may come from anybody. */
export function commentOf(report: PlanReport, job: GithubJob): Comment {
  try {
    const marker = 'plan' in report ? planMarker(report.plan) : undefined;
    return { marker, body: `${reportBody(report, job, commentBytes)}${lastLine(report, job)}` };
  } catch (cause) {
    throw unusable('what it holds is not the report of a plan', cause);
  }
}

/** The report as the summary of a job. */
export function reportBody(report: PlanReport, job: GithubJob, limit: number): string {
  const elsewhere = job.runUrl === undefined ? '`modelflow plan`' : `[the summary of the job](${job.runUrl})`;
  if ('plan' in report) return planBody(report.plan, { limit, elsewhere });
  return problemBody(report.command, report.diagnostics, { limit, elsewhere, filesUrl: job.filesUrl });
}

function lastLine(report: PlanReport, { commit, runUrl }: GithubJob): string {
  const parts = [
    commit !== undefined && /^[0-9a-f]{7,64}$/.test(commit) ? `of ${commit}` : undefined,
    'plan' in report && /^[0-9a-f]{64}$/.test(report.planDigest) ? `plan ${report.planDigest.slice(0, 12)}` : undefined,
    runUrl === undefined ? undefined : `<a href="${runUrl}">log and summary</a>`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : `<sub>${parts.join(' · ')}</sub>\n`;
}

/** Reads a report that another job wrote. */
export function readReport(path: string): PlanReport {
  const given = parsed(path);
  const { format, report, config, plan, diagnostics } = (given ?? {}) as {
    readonly [key in keyof PlanReport | 'plan' | 'diagnostics']?: unknown;
  };
  if (report !== 'modelflow plan' || typeof config !== 'string') throw unusable(`${path} is no report of a plan`);
  if (format !== 1) throw unusable(`${path} has format ${String(format)}, and this modelflow knows format 1`);
  if (plan === undefined ? !Array.isArray(diagnostics) : !isNamed(plan)) throw unusable(`${path} holds no plan and no diagnostics`);
  // Checked as far as it decides anything: the rest is text, and is shown as text.
  return given as PlanReport;
}

/** The names end up in the line by which a comment is found: nothing else may stand there. */
function isNamed(plan: unknown): boolean {
  const { pipeline, profile } = (plan ?? {}) as { readonly pipeline?: unknown; readonly profile?: unknown };
  return typeof pipeline === 'string' && isUsableName(pipeline) && typeof profile === 'string' && isUsableName(profile);
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw unusable(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function unusable(message: string, cause?: unknown): Error {
  return failure('MF1213', message, { hint: 'Give it the file that `modelflow plan --github FILE` wrote, and the same modelflow.', cause });
}
