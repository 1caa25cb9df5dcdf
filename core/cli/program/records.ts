import type { CommandScope } from './scope.ts';

/** What was done, by whom, and why. */
export function recordCommands({ program, where, signal, done }: CommandScope): void {
  program
    .command('why')
    .description('why a stage will run or be reused: the chain of causes down to what was changed')
    .argument('<stage>', 'a node, or all nodes of a stage')
    .option('--run [run]', 'what happened in this run instead; without an id, in the last one that looked at the stage')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  modelflow why int8\n  modelflow why int8 --run\n  modelflow why int8 --run 4 --json\n')
    .action(async (stage: string, { run, json = false }: { run?: string | true; json?: boolean }) => {
      const { whyCommand } = await import('../commands/why.ts');
      done(await whyCommand({ ...where(), stage, run: run === true ? 'last' : run, json }, signal));
    });
  program
    .command('releases')
    .description('who released what, when, from which commit and plan, and what became of it')
    .argument('[service...]', 'all services by default')
    .option('--json', 'as JSON')
    .action(async (services: string[], { json = false }: { json?: boolean }) => {
      const { releasesCommand } = await import('../commands/releases.ts');
      done(await releasesCommand({ ...where(), services, json }, signal));
    });
  program
    .command('adopt')
    .description('take over services that run and that the journal does not know, such as after a lost store')
    .argument('<service...>', 'as the configuration names them')
    .action(async (services: string[]) => {
      const { adoptCommand } = await import('../commands/adopt.ts');
      done(await adoptCommand({ ...where(), services }, signal));
    });
  program
    .command('forget')
    .description('drop what is on record of a service, or of a run; what is live is not touched')
    .argument('[service]', 'a service that was released')
    .option('--run <run>', 'the record of this run instead')
    .action(async (service: string | undefined, { run }: { run?: string }) => {
      const { forgetCommand } = await import('../commands/forget.ts');
      done(await forgetCommand({ ...where(), service, run }, signal));
    });
}
