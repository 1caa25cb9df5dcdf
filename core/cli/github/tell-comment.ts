import { commandLine } from '../../report/workflow-command.ts';
import { ModelflowError } from '../../spec/diagnostic.ts';
import { printable, showDiagnostics } from '../show.ts';
import { githubApi } from './api.ts';
import { type Commented, type StickyComment, spoilComments, writeComment } from './comment.ts';
import { writeOutputs } from './files.ts';
import type { Comment } from './report.ts';
import type { GithubJob } from './surroundings.ts';

/** What is to stand on the pull request. */
export interface Told extends Comment {
  /** Of the configuration, from the root of the checkout. */
  readonly config: string;
  readonly isWorthBeginning: boolean;
}

/** Writes the comment if there is a pull request and a token; one that cannot be written is a warning, and on a fork a notice. */
export async function tryToComment(job: GithubJob, told: Told, signal: AbortSignal): Promise<void> {
  if (job.pullRequest === undefined) return;
  if (job.token === undefined) {
    console.error('no comment was written, for want of GITHUB_TOKEN: the summary of the job has it all');
    return;
  }
  try {
    await comment(job, told, signal);
  } catch (error) {
    if (!(error instanceof ModelflowError)) throw error;
    await excuse(job, error);
  }
}

/** Writes the comment. Without a marker it is not known which one: all about the configuration are. MF1211 or MF1212 when that cannot be done. */
export async function comment(job: GithubJob, told: Told, signal: AbortSignal): Promise<void> {
  const { repository, pullRequest, token, apiUrl, run } = job;
  if (repository === undefined || pullRequest === undefined || token === undefined) return;
  const api = githubApi({ apiUrl, token, signal });
  const { marker, config, body, isWorthBeginning } = told;
  const about: Omit<StickyComment, 'marker' | 'isWorthBeginning'> = { repository, pullRequest: pullRequest.number, run, config, body };
  if (marker === undefined) {
    const count = await spoilComments(api, about, 'plan');
    if (count > 0)
      console.error(`${count === 1 ? 'the comment' : `${count} comments`} on the pull request no longer held; now that is said there`);
    return;
  }
  const done = await writeComment(api, { ...about, marker, isWorthBeginning });
  console.error(printable(saidOf(done)));
  writeOutputs(job, { 'comment-url': done.url });
}

function saidOf({ how, url }: Commented): string {
  const where = url === undefined ? '' : `: ${url}`;
  switch (how) {
    case 'created':
      return `wrote a comment on the pull request${where}`;
    case 'updated':
      return `brought the comment on the pull request up to date${where}`;
    case 'left':
      return `left the comment on the pull request as it is: a later run wrote it${where}`;
    case 'none':
      return 'nothing would change: no comment was begun';
  }
}

/** Runs of forks have no token that may write: that is as it should be, and no reason for a warning. */
async function excuse(job: GithubJob, error: ModelflowError): Promise<void> {
  const isRefused = error.diagnostics[0]?.code === 'MF1211';
  if (isRefused && job.pullRequest?.isFork) {
    const why = 'Runs of pull requests from forks may not write comments. The summary of the job has it all.';
    console.error(commandLine('notice', { title: 'modelflow' }, why));
    return;
  }
  await showDiagnostics(error.diagnostics.map((each) => ({ ...each, severity: 'warning' })));
}
