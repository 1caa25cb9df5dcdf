import { readFileSync } from 'node:fs';
import { failure } from '../../spec/diagnostic.ts';

/** What a GitHub job tells in its environment and in the file of its event. */
export interface GithubJob {
  /** `owner/name`. */
  readonly repository: string | undefined;
  /** Without a slash at the end; that of a GitHub Enterprise Server where it runs on one. */
  readonly apiUrl: string;
  readonly token: string | undefined;
  readonly pullRequest: PullRequest | undefined;
  /** Runs are counted up: of two, the one with the greater number began later. */
  readonly run: { readonly id: number; readonly attempt: number };
  /** Where the log and the summary of this run are. */
  readonly runUrl: string | undefined;
  /** The commit that somebody pushed: in a pull request the head, and not the merge that GitHub tries out. */
  readonly commit: string | undefined;
  /** Where files of that commit are shown; a path follows. */
  readonly filesUrl: string | undefined;
  readonly workspace: string;
  readonly summaryFile: string | undefined;
  readonly outputFile: string | undefined;
}

export interface PullRequest {
  readonly number: number;
  /** From another repository: its runs get a token that can only read. */
  readonly isFork: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the surroundings of a GitHub job. Fails with MF1210 when there are none. */
export function githubJob(env: Environment): GithubJob {
  const given = (name: string): string | undefined => env[name] || undefined;
  const summaryFile = given('GITHUB_STEP_SUMMARY');
  const outputFile = given('GITHUB_OUTPUT');
  const repository = given('GITHUB_REPOSITORY');
  if (!summaryFile && !outputFile && !repository)
    throw failure('MF1210', 'none of GITHUB_REPOSITORY, GITHUB_STEP_SUMMARY and GITHUB_OUTPUT is set: this is no GitHub job', {
      hint: 'Elsewhere, `modelflow plan --format markdown` prints the same.',
    });
  const event = eventIn(given('GITHUB_EVENT_PATH'));
  const run = { id: Number(given('GITHUB_RUN_ID') ?? 0), attempt: Number(given('GITHUB_RUN_ATTEMPT') ?? 1) };
  const home = repository && `${given('GITHUB_SERVER_URL') ?? 'https://github.com'}/${repository}`;
  const commit = textAt(event, 'pull_request', 'head', 'sha') ?? given('GITHUB_SHA');
  return {
    repository,
    apiUrl: (given('GITHUB_API_URL') ?? 'https://api.github.com').replace(/\/+$/, ''),
    token: given('GITHUB_TOKEN') ?? given('GH_TOKEN'),
    pullRequest: pullRequestOf(event, repository),
    run,
    runUrl: home && run.id > 0 ? `${home}/actions/runs/${run.id}${run.attempt > 1 ? `/attempts/${run.attempt}` : ''}` : undefined,
    commit,
    filesUrl: home && commit ? `${home}/blob/${commit}` : undefined,
    workspace: given('GITHUB_WORKSPACE') ?? process.cwd(),
    summaryFile,
    outputFile,
  };
}

function eventIn(path: string | undefined): unknown {
  if (path === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw failure('MF1210', `the event of the job cannot be read from ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'GITHUB_EVENT_PATH names a file that GitHub writes; unset it outside of a job.',
      cause,
    });
  }
}

/** Of events about a pull request, and of a comment on one. */
function pullRequestOf(event: unknown, repository: string | undefined): PullRequest | undefined {
  const ofIssue = at(event, 'issue', 'pull_request') === undefined ? undefined : at(event, 'issue', 'number');
  const number = at(event, 'pull_request', 'number') ?? ofIssue;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) return undefined;
  const from = at(event, 'pull_request', 'head', 'repo');
  // The repository that a pull request came from may be gone by now.
  const isFork = from === null || (textAt(from, 'full_name') ?? repository)?.toLowerCase() !== repository?.toLowerCase();
  return { number, isFork };
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let inner = value;
  for (const key of path)
    inner = typeof inner === 'object' && inner !== null ? (inner as Readonly<Record<string, unknown>>)[key] : undefined;
  return inner;
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}
