import type { Command, Option } from 'commander';
import type { ExitCode } from '../../spec/codes.ts';
import { type CompletedCommand, type CompletedOption, type CompletedProgram, completionScript } from '../completion-scripts.ts';

/** `modelflow completion SHELL`: a script made from the same description as the help. */
export async function completionCommand(program: Command, shell: string): Promise<ExitCode> {
  process.stdout.write(completionScript(shell, describe(program)));
  return 0;
}

/** What commander knows of a program, as plain data. */
export function describe(program: Command): CompletedProgram {
  return {
    name: program.name(),
    options: program.options.map(optionOf),
    commands: program.commands.flatMap((command) => commandsOf(command, '')),
  };
}

function commandsOf(command: Command, prefix: string): readonly CompletedCommand[] {
  const name = `${prefix}${command.name()}`;
  const inner = command.commands.flatMap((each) => commandsOf(each, `${name} `));
  if (inner.length > 0) return inner;
  const [first] = command.registeredArguments;
  const takes = first?.argChoices ?? (first && /file|folder|model/.test(first.name()) ? 'files' : undefined);
  return [{ name, description: command.description(), options: command.options.map(optionOf), ...(takes ? { arguments: takes } : {}) }];
}

function optionOf(option: Option): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const described = { flags, description: option.description };
  if (!option.required && !option.optional) return described;
  return { ...described, takes: option.argChoices ?? (/file|folder/.test(option.flags) ? 'files' : []) };
}
