import type { ProcessRunner } from '../../../core/index.ts';
import type { BuildPlace } from './provenance.ts';

/** The commit that the project is at, and the CI run; of both as much as there is. */
export async function buildPlace(process: ProcessRunner, env: Readonly<Record<string, string | undefined>>): Promise<BuildPlace> {
  const git = async (...args: readonly string[]): Promise<string | undefined> => {
    const { exitCode, stdout } = await process.run({ command: 'git', args }).catch(() => ({ exitCode: undefined, stdout: '' }));
    return exitCode === 0 ? stdout.trim() : undefined;
  };
  const commit = await git('rev-parse', 'HEAD');
  const origin = (await git('config', '--get', 'remote.origin.url')) ?? '';
  const isDirty = (await git('status', '--porcelain')) !== '';
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run, GITHUB_WORKFLOW_REF: workflow } = env;
  return {
    ...(workflow && server ? { builder: `${server}/${workflow}` } : {}),
    ...(run && server ? { invocation: `${server}/${repository}/actions/runs/${run}/attempts/${env['GITHUB_RUN_ATTEMPT'] ?? '1'}` } : {}),
    ...(commit === undefined ? {} : { source: { uri: `git+${withoutCredentials(origin)}`, digest: { gitCommit: commit }, isDirty } }),
  };
}

/** `https://token@host/…` would tell the token to everybody who may pull. */
function withoutCredentials(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1');
}
