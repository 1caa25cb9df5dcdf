import type { CiRun } from '../../store/remote/lease.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether others may believe what this run makes. A pull request's run executes code that nobody has reviewed: it reads, and never writes.
 * The credentials are what protects the store; this keeps honest runs honest.
 */
export function storeAccess(env: Environment): { readonly access: 'read' | 'write'; readonly why: string | undefined } {
  const asked = env['MODELFLOW_STORE_ACCESS'];
  if (asked === 'read') return { access: 'read', why: 'MODELFLOW_STORE_ACCESS is `read`' };
  if (asked === 'write') return { access: 'write', why: undefined };
  const found = unreviewed.find(([name, isSet]) => isSet(env[name] ?? ''));
  return found ? { access: 'read', why: found[2] } : { access: 'write', why: undefined };
}

const isGiven = (value: string): boolean => value !== '' && value !== 'false';

/** Variable, what its value looks like in such a run, and how the run is called. */
const unreviewed: readonly (readonly [string, (value: string) => boolean, string])[] = [
  ['GITHUB_EVENT_NAME', (value) => value.startsWith('pull_request'), 'this is the run of a pull request'],
  ['CI_MERGE_REQUEST_IID', isGiven, 'this is the run of a merge request'],
  ['CI_EXTERNAL_PULL_REQUEST_IID', isGiven, 'this is the run of a pull request'],
  ['BUILDKITE_PULL_REQUEST', isGiven, 'this is the run of a pull request'],
  ['CIRCLE_PULL_REQUEST', isGiven, 'this is the run of a pull request'],
  ['BITBUCKET_PR_ID', isGiven, 'this is the run of a pull request'],
  ['BUILD_REASON', (value) => value === 'PullRequest', 'this is the run of a pull request'],
  ['TRAVIS_PULL_REQUEST', isGiven, 'this is the run of a pull request'],
  ['CHANGE_ID', isGiven, 'this is the run of a change request'],
];

/** The CI run that this process belongs to. */
export function ciRun(env: Environment): CiRun | undefined {
  if (env['GITHUB_ACTIONS'] === 'true') {
    const { GITHUB_REPOSITORY: repository = '?', GITHUB_RUN_ID: run = '?', GITHUB_RUN_ATTEMPT: attempt = '1' } = env;
    const url = env['GITHUB_SERVER_URL'] && `${env['GITHUB_SERVER_URL']}/${repository}/actions/runs/${run}/attempts/${attempt}`;
    return { provider: 'GitHub Actions', repository, run, attempt: Number(attempt), url: url || undefined };
  }
  if (env['GITLAB_CI'] === 'true') {
    const { CI_PROJECT_PATH: repository = '?', CI_PIPELINE_ID: pipeline = '?', CI_JOB_NAME: job = '?', CI_JOB_ID: attempt = '1' } = env;
    // A job that is started again has a new and larger id.
    return { provider: 'GitLab CI', repository, run: `${pipeline}/${job}`, attempt: Number(attempt), url: env['CI_JOB_URL'] };
  }
  return undefined;
}
