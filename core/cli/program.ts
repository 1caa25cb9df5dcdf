import { Command, InvalidArgumentError, Option } from 'commander';
import type { ExitCode } from '../spec/codes.ts';
import { packageManifest } from './package-root.ts';
import type { Where } from './workspace.ts';

type Done = (code: ExitCode) => void;

/** The command line as data: help, suggestions and completion come from it. */
export function buildProgram(signal: AbortSignal, done: Done): Command {
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
  const where = (): Where => ({ cwd: process.cwd(), ...program.opts<{ config?: string; profile?: string }>() });
  pipelineCommands(program, where, signal, done);
  serviceCommands(program, where, signal, done);
  otherCommands(program, where, signal, done);
  return program;
}

function pipelineCommands(program: Command, where: () => Where, signal: AbortSignal, done: Done): void {
  program
    .command('plan')
    .description('show what would be reused, run and changed, and why; changes nothing')
    .option('--only <stage...>', 'only these stages and what they need')
    .option('--force [stage...]', 'as if these had never run; without names, all')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json', 'markdown']).default('text'))
    .option('--json', 'the same as --format json')
    .option('--detailed-exitcode', 'exit with 10 when something would change, with 3 when a gate refuses')
    .addHelpText(
      'after',
      '\nExamples:\n  modelflow plan --format markdown > plan.md    for a pull request comment\n  modelflow plan --profile production --json\n',
    )
    .action(
      async (options: {
        only?: string[];
        force?: string[] | true;
        format: 'text' | 'json' | 'markdown';
        json?: true;
        detailedExitcode?: true;
      }) => {
        const { planCommand } = await import('./commands/plan.ts');
        const format = options.json ? 'json' : options.format;
        done(
          await planCommand(
            {
              ...where(),
              only: options.only ?? [],
              force: options.force ?? [],
              format,
              detailedExitcode: options.detailedExitcode ?? false,
            },
            signal,
          ),
        );
      },
    );
  program
    .command('run')
    .description('make what is not made yet, as far as the gates allow')
    .option('--dry-run', 'only show the plan')
    .option('--only <stage...>', 'only these stages and what they need')
    .option('--force [stage...]', 'make these again; without names, all')
    .option('--concurrency <number>', 'how many stages at the same time; as many as there are cores by default', positiveInteger)
    .option('--json', 'the events of the run on stdout, one JSON object a line')
    .addHelpText(
      'after',
      '\nExamples:\n  modelflow run\n  modelflow run --only after --concurrency 1\n  modelflow run --profile production --json > events.ndjson\n',
    )
    .action(async (options: { only?: string[]; force?: string[] | true; concurrency?: number; json?: true; dryRun?: true }) => {
      const { runCommand } = await import('./commands/run.ts');
      const { only = [], force = [], concurrency, json = false, dryRun = false } = options;
      done(await runCommand({ ...where(), only, force, concurrency, json, dryRun }, signal));
    });
  program
    .command('check')
    .description('type-check the configuration and everything it imports')
    .action(async () => {
      const { checkCommand } = await import('./commands/check.ts');
      done(await checkCommand(where()));
    });
  program
    .command('graph')
    .description('draw the pipeline')
    .addOption(new Option('--format <format>', 'how').choices(['mermaid', 'svg']).default('mermaid'))
    .action(async ({ format }: { format: 'mermaid' | 'svg' }) => {
      const { graphCommand } = await import('./commands/graph.ts');
      done(await graphCommand({ ...where(), format }));
    });
}

function serviceCommands(program: Command, where: () => Where, signal: AbortSignal, done: Done): void {
  program
    .command('status')
    .description('the last run, and what is live')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { statusCommand } = await import('./commands/status.ts');
      done(await statusCommand({ ...where(), json }, signal));
    });
  program
    .command('inspect')
    .description('what a stage made: facts, digest, and the folder with its files')
    .argument('<stage>', 'a node, or all nodes of a stage')
    .option('--json', 'as JSON')
    .option('--path', 'only the folder')
    .addHelpText('after', '\nExample:\n  promtool check rules "$(modelflow inspect watch --path)/rules.yml"\n')
    .action(async (node: string, { json, path }: { json?: true; path?: true }) => {
      const { inspectCommand } = await import('./commands/inspect.ts');
      done(await inspectCommand({ ...where(), node, output: path ? 'path' : json ? 'json' : 'text' }));
    });
  program
    .command('logs')
    .description('what a service says, or what a stage said in its last run')
    .argument('[stage-or-service]', 'all services by default')
    .option('-f, --follow', 'go on as more is said')
    .option('-n, --lines <number>', 'how many of the last lines', positiveInteger, 100)
    .option('--json', 'one JSON object a line')
    .action(async (node: string | undefined, options: { follow?: true; lines: number; json?: true }) => {
      const { logsCommand } = await import('./commands/logs.ts');
      done(
        await logsCommand({ ...where(), node, follow: options.follow ?? false, lines: options.lines, json: options.json ?? false }, signal),
      );
    });
  program
    .command('rollback')
    .description('put back the release before the live one; the live one is not deployed again without --force')
    .argument('[service...]', 'all services by default')
    .option('--to <release>', 'this release instead: the beginning of its id')
    .action(async (services: string[], { to }: { to?: string }) => {
      const { rollbackCommand } = await import('./commands/operate.ts');
      done(await rollbackCommand({ ...where(), services, to }, signal));
    });
  program
    .command('down')
    .description('stop services and free what they hold')
    .argument('[service...]', 'all services by default')
    .action(async (services: string[]) => {
      const { downCommand } = await import('./commands/operate.ts');
      done(await downCommand({ ...where(), services }, signal));
    });
  program
    .command('serve')
    .description('serve a model file or a serving bundle, without a configuration')
    .argument('<model>', 'an .onnx file, or a folder with a bundle.json')
    .option('--port <port>', 'where to listen; 0 for any free port', portNumber, 8080)
    .option('--host <address>', 'on which address', '127.0.0.1')
    .option('--name <name>', 'the name of the model; the stem of the file by default')
    .addHelpText('after', '\nExample:\n  modelflow serve model.onnx --port 8080\n  curl http://127.0.0.1:8080/v2/models/model\n')
    .action(async (model: string, options: { port: number; host: string; name?: string }) => {
      const { serveCommand } = await import('./commands/serve.ts');
      done(await serveCommand({ model, ...options }, signal));
    });
}

function otherCommands(program: Command, where: () => Where, signal: AbortSignal, done: Done): void {
  program
    .command('init')
    .description('write a deploy.config.ts to start from; overwrites nothing')
    .addOption(new Option('--template <name>', 'which kind of model').choices(['keras', 'onnx']))
    .action(async ({ template }: { template?: 'keras' | 'onnx' }) => {
      const { initCommand } = await import('./commands/init.ts');
      done(await initCommand({ cwd: process.cwd(), template }));
    });
  const cache = program.command('cache').description('the store of artifacts');
  cache
    .command('verify')
    .description('compare every byte with its digest, and set aside what is damaged')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { cacheVerifyCommand } = await import('./commands/cache.ts');
      done(await cacheVerifyCommand({ ...where(), json }));
    });
  program
    .command('doctor')
    .description('is everything there that stages may need?')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { doctorCommand } = await import('./commands/doctor.ts');
      done(await doctorCommand({ ...where(), json }, signal));
    });
  program
    .command('unlock')
    .description('break the lock of a run that died on another machine')
    .action(async () => {
      const { unlockCommand } = await import('./commands/unlock.ts');
      done(await unlockCommand(where()));
    });
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addHelpText('after', '\nExample:\n  source <(modelflow completion bash)\n')
    .argument('<shell>', 'bash, zsh or fish')
    .action(async (shell: string) => {
      const { completionCommand } = await import('./commands/completion.ts');
      done(await completionCommand(program, shell));
    });
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 is wanted.');
  return value;
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('a port from 0 to 65535 is wanted.');
  return value;
}
