import { resolve } from 'node:path';
import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import { commentOf, readReport } from '../github/report.ts';
import { githubJob } from '../github/surroundings.ts';
import { changesAnything } from '../github/tell.ts';
import { tryToComment } from '../github/tell-comment.ts';

/**
 * `modelflow github comment`: makes the comment of what `modelflow plan --github FILE` found in another job. It reads no configuration and
 * runs nothing of the pull request, so it may have a token that writes.
 */
export async function githubCommentCommand(
  given: { readonly cwd: string; readonly report: string },
  signal: AbortSignal,
): Promise<ExitCode> {
  const job = githubJob(process.env);
  const report = readReport(resolve(given.cwd, given.report));
  const { marker, body } = commentOf(report, job);
  if (job.pullRequest === undefined)
    throw failure('MF1210', 'the event of this job is about no pull request, so there is nothing to comment on', {
      hint: 'Run it `on: pull_request`.',
    });
  const isWorthBeginning = 'plan' in report && changesAnything(report.plan);
  await tryToComment(job, { marker, body, config: report.config, isWorthBeginning }, signal);
  return 0;
}
