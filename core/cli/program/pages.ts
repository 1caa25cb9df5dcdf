import { type CommandScope, portNumber } from './scope.ts';

/** Runs as pages for a browser. */
export function pageCommands({ program, where, signal, done }: CommandScope): void {
  program
    .command('report')
    .description('write a run as one HTML page: graph, timeline, metrics, gates, artifacts')
    .option('--out <file>', 'where to; - for stdout', 'report.html')
    .option('--run <run>', 'the id of a run, or its number; the last one by default')
    .addHelpText('after', '\nExamples:\n  modelflow report\n  modelflow report --run 12 --out run-12.html\n')
    .action(async (options: { out: string; run?: string }) => {
      const { reportCommand } = await import('../commands/report.ts');
      done(await reportCommand({ ...where(), out: options.out, run: options.run }));
    });
  program
    .command('ui')
    .description('show runs in a browser on this machine, live while one is going on')
    .option('--port <port>', 'where to listen; 0 for any free port', portNumber, 4711)
    .action(async ({ port }: { port: number }) => {
      const { uiCommand } = await import('../commands/ui.ts');
      done(await uiCommand({ ...where(), port }, signal));
    });
}
