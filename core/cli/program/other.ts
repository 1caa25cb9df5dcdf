import { Option } from 'commander';
import type { CommandScope } from './scope.ts';

/** Setting up, and the shell. */
export function otherCommands({ program, where, signal, done }: CommandScope): void {
  program
    .command('init')
    .description('write a deploy.config.ts to start from; overwrites nothing')
    .addOption(new Option('--template <name>', 'which kind of model').choices(['keras', 'onnx']))
    .addOption(new Option('--ci <where>', 'write a workflow as well, or alone where there is a configuration').choices(['github']))
    .action(async ({ template, ci }: { template?: 'keras' | 'onnx'; ci?: 'github' }) => {
      const { initCommand } = await import('../commands/init.ts');
      done(await initCommand({ cwd: process.cwd(), template, ci }));
    });
  program
    .command('doctor')
    .description('is everything there that stages may need?')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { doctorCommand } = await import('../commands/doctor.ts');
      done(await doctorCommand({ ...where(), json }, signal));
    });
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addHelpText('after', '\nExample:\n  source <(modelflow completion bash)\n')
    .argument('<shell>', 'bash, zsh or fish')
    .action(async (shell: string) => {
      const { completionCommand } = await import('../commands/completion.ts');
      done(await completionCommand(program, shell));
    });
}
