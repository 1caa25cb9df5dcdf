import { Option } from 'commander';
import type { ExitCode } from '../../spec/codes.ts';
import type { Heard, Telling } from '../github/tell.ts';
import { type CommandScope, fingerprintStart, positiveInteger } from './scope.ts';

/** The pipeline itself: plan it, run it, look at it. */
export function pipelineCommands({ program, where, signal, done }: CommandScope): void {
  program
    .command('plan')
    .description('show what would be reused, run and changed, and why; changes nothing')
    .option('--only <stage...>', 'only these stages and what they need')
    .option('--from <stage...>', 'as if these, and all that is made of them, had never run')
    .option('--force [stage...]', 'as if these had never run; without names, all')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json', 'markdown']).default('text'))
    .option('--json', 'the same as --format json')
    .addOption(new Option('--drift', 'only what somebody else has changed since the last release').conflicts(['only', 'force', 'out']))
    .option('--detailed-exitcode', 'exit with 10 when something would change, with 3 when a gate or a policy refuses')
    .option('--out <file>', 'write the plan to a file as well, for `run --plan`')
    .option('--github [report]', 'in a GitHub job: its summary, its outputs, and the comment, or a report to make it of later')
    .addHelpText(
      'after',
      '\nExamples:\n  modelflow plan --format markdown > plan.md    for a pull request comment\n  modelflow plan --out plan.json                to be reviewed, then: modelflow run --plan plan.json\n  modelflow plan --drift --detailed-exitcode    for a scheduled check\n  modelflow plan --profile production --json\n',
    )
    .action(
      async (options: {
        only?: string[];
        from?: string[];
        force?: string[] | true;
        format: 'text' | 'json' | 'markdown';
        json?: true;
        detailedExitcode?: true;
        out?: string;
        drift?: true;
        github?: true | string;
      }) => {
        const { planCommand } = await import('../commands/plan.ts');
        const format = options.json ? 'json' : options.format;
        const { only = [], force = [], detailedExitcode = false, out, github } = options;
        if (options.drift) {
          const { driftCommand } = await import('../commands/drift.ts');
          const drift = (heard?: Heard) => driftCommand({ ...where(), format, detailedExitcode, ...(heard ? { heard } : {}) }, signal);
          done(await telling({ where: where(), command: 'drift', github, planFile: undefined }, drift, signal));
          return;
        }
        const plan = (heard?: Heard) =>
          planCommand(
            { ...where(), only, from: options.from ?? [], force, format, detailedExitcode, out, ...(heard ? { heard } : {}) },
            signal,
          );
        done(await telling({ where: where(), command: 'plan', github, planFile: out }, plan, signal));
      },
    );
  program
    .command('run')
    .description('make what is not made yet, as far as the gates allow')
    .option('--dry-run', 'only show the plan')
    .option('--only <stage...>', 'only these stages and what they need')
    .option('--from <stage...>', 'make these again, and all that is made of them')
    .option('--force [stage...]', 'make these again; without names, all')
    .option('-k, --keep-going', 'after a failure, go on with what does not depend on it')
    .option('--concurrency <number>', 'how many cores stages may take; as many as there are by default', positiveInteger)
    .addOption(
      new Option('--plan <file>', 'do exactly what this reviewed plan says, or nothing').conflicts(['only', 'from', 'force', 'dryRun']),
    )
    .option('--approve <stage...>', 'approve these stages, as what they do in this run')
    .option('--json', 'the events of the run on stdout, one JSON object a line')
    .option('--github', 'in a GitHub job: its summary, its outputs, and a comment on the pull request')
    .addHelpText(
      'after',
      '\nExamples:\n  modelflow run\n  modelflow run --only after --concurrency 1\n  modelflow run --from int8              again from there to the end\n  modelflow run --profile production --json > events.ndjson\n',
    )
    .action(
      async (options: {
        only?: string[];
        from?: string[];
        force?: string[] | true;
        concurrency?: number;
        keepGoing?: true;
        plan?: string;
        approve?: string[];
        json?: true;
        dryRun?: true;
        github?: true;
      }) => {
        const { runCommand } = await import('../commands/run.ts');
        const {
          only = [],
          from = [],
          force = [],
          concurrency,
          keepGoing = false,
          plan,
          approve = [],
          json = false,
          dryRun = false,
          github,
        } = options;
        const given = { ...where(), only, from, force, concurrency, keepGoing, plan, approve, json, dryRun };
        const run = (heard?: Heard) => runCommand({ ...given, ...(heard ? { heard } : {}) }, signal);
        done(await telling({ where: where(), command: 'run', github, planFile: plan }, run, signal));
      },
    );
  program
    .command('approve')
    .description('approve what stages marked with `approval` would do now; the next run does it')
    .argument('[stage...]', 'all that wait by default')
    .option('--for <fingerprint>', 'only if it is still this: the beginning of the fingerprint that the run showed', fingerprintStart)
    .addHelpText('after', '\nExample:\n  modelflow approve service --for 3f2ab1c4d5e6\n')
    .action(async (stages: string[], options: { for?: string }) => {
      const { approveCommand } = await import('../commands/approve.ts');
      done(await approveCommand({ ...where(), stages, for: options.for }, signal));
    });
  program
    .command('check')
    .description('type-check the configuration and everything it imports')
    .action(async () => {
      const { checkCommand } = await import('../commands/check.ts');
      done(await checkCommand(where()));
    });
  program
    .command('graph')
    .description('draw the pipeline')
    .addOption(new Option('--format <format>', 'how').choices(['mermaid', 'svg']).default('mermaid'))
    .action(async ({ format }: { format: 'mermaid' | 'svg' }) => {
      const { graphCommand } = await import('../commands/graph.ts');
      done(await graphCommand({ ...where(), format }));
    });
}

/** The work of a command, and with `--github` what GitHub is told of it. */
async function telling(
  { github, ...given }: Omit<Telling, 'github'> & { readonly github: true | string | undefined },
  work: (heard?: Heard) => Promise<ExitCode>,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (github === undefined) return work();
  const { tellingGithub } = await import('../github/tell.ts');
  return tellingGithub({ ...given, github }, work, signal);
}
