import type { CommandScope } from './scope.ts';

/** For jobs on GitHub. */
export function githubCommands({ program, where, signal, done }: CommandScope): void {
  const github = program.command('github').description('for jobs on GitHub');
  github
    .command('comment')
    .description('write the comment on the pull request from the report of another job; runs nothing of the pull request')
    .argument('<report>', 'the file that `plan --github` wrote')
    .addHelpText(
      'after',
      '\nExample:\n  modelflow plan --github report.json      in a job that can only read\n  modelflow github comment report.json     in one that may write comments\n',
    )
    .action(async (report: string) => {
      const { githubCommentCommand } = await import('../commands/github.ts');
      done(await githubCommentCommand({ cwd: where().cwd, report }, signal));
    });
}
