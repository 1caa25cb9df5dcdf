import { Command } from 'commander';
import type { ExitCode } from '../spec/codes.ts';
import { packageManifest } from './package-root.ts';
import { githubCommands } from './program/github.ts';
import { otherCommands } from './program/other.ts';
import { pageCommands } from './program/pages.ts';
import { pipelineCommands } from './program/pipeline.ts';
import { recordCommands } from './program/records.ts';
import type { CommandScope } from './program/scope.ts';
import { serviceCommands } from './program/services.ts';
import { storeCommands } from './program/store.ts';

/** The command line as data: help, suggestions and completion come from it. */
export function buildProgram(signal: AbortSignal, done: (code: ExitCode) => void): Command {
  const program = new Command('modelflow')
    .description('Takes a trained model to a monitored deployment: evaluate, export, quantize, bundle, deploy, monitor.')
    .version(packageManifest().version, '-V, --version')
    .option('--config <file>', 'the configuration, or its folder; otherwise the nearest deploy.config.ts')
    .option('--profile <name>', 'one of the profiles of the pipeline; the first one by default')
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => undefined })
    .addHelpText(
      'after',
      '\nExamples:\n  modelflow init                 write a deploy.config.ts\n  modelflow plan                 what would happen, and why\n  modelflow run                  do it; go on after whatever stopped it\n  modelflow run --only int8      one stage and what it needs\n  modelflow serve model.onnx     serve a model without any configuration\n',
    );
  const scope: CommandScope = {
    program,
    where: () => ({ cwd: process.cwd(), ...program.opts<{ config?: string; profile?: string }>() }),
    signal,
    done,
  };
  const groups = [pipelineCommands, serviceCommands, pageCommands, recordCommands, storeCommands, otherCommands, githubCommands];
  for (const declare of groups) declare(scope);
  return program;
}
