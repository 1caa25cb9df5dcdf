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
}
