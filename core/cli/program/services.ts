import { type CommandScope, portNumber, positiveInteger } from './scope.ts';

/** What runs, and what was made. */
export function serviceCommands({ program, where, signal, done }: CommandScope): void {
  program
    .command('status')
    .description('the last run, what is live, and how far rollouts have come')
    .option('--json', 'as JSON')
    .option('-w, --watch', 'go on showing it as it changes')
    .action(async ({ json = false, watch }: { json?: boolean; watch?: true }) => {
      const { statusCommand } = await import('../commands/status.ts');
      done(await statusCommand({ ...where(), json, watch: watch ?? false }, signal));
    });
  program
    .command('inspect')
    .description('what a stage made: facts, digest, and the folder with its files')
    .argument('<stage>', 'a node, or all nodes of a stage')
    .option('--json', 'as JSON')
    .option('--path', 'only the folder')
    .addHelpText('after', '\nExample:\n  promtool check rules "$(modelflow inspect watch --path)/rules.yml"\n')
    .action(async (node: string, { json, path }: { json?: true; path?: true }) => {
      const { inspectCommand } = await import('../commands/inspect.ts');
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
      const { logsCommand } = await import('../commands/logs.ts');
      done(
        await logsCommand({ ...where(), node, follow: options.follow ?? false, lines: options.lines, json: options.json ?? false }, signal),
      );
    });
  program
    .command('rollback')
    .description('put back the release before the live one; the live one is not deployed again without --force')
    .argument('[service...]', 'all services by default')
    .option('--to <release>', 'this release instead: its number in `releases`, or the beginning of its id')
    .action(async (services: string[], { to }: { to?: string }) => {
      const { rollbackCommand } = await import('../commands/operate.ts');
      done(await rollbackCommand({ ...where(), services, to }, signal));
    });
  program
    .command('promote')
    .description('finish a rollout now: the new release gets all the requests')
    .argument('[service...]', 'all that are under way by default')
    .action(async (services: string[]) => {
      const { promoteCommand } = await import('../commands/promote.ts');
      done(await promoteCommand({ ...where(), services }, signal));
    });
  program
    .command('abort')
    .description('undo a rollout now: the release before gets all the requests, and the new one is refused')
    .argument('[service...]', 'all that are under way by default')
    .action(async (services: string[]) => {
      const { abortCommand } = await import('../commands/promote.ts');
      done(await abortCommand({ ...where(), services }, signal));
    });
  program
    .command('down')
    .description('stop services and free what they hold')
    .argument('[service...]', 'all services by default')
    .action(async (services: string[]) => {
      const { downCommand } = await import('../commands/operate.ts');
      done(await downCommand({ ...where(), services }, signal));
    });
  program
    .command('render')
    .description('write services as files for other tools, such as manifests; nothing is deployed, and nothing live is asked')
    .argument('[service...]', 'all services whose target can by default')
    .option('--format <format>', 'one that the target has: for Kubernetes yaml, kustomize or rbac; its first one by default')
    .option('--out <folder>', 'write files there, instead of to stdout')
    .option('--image <reference>', 'the image to name, instead of the one that a deployment would use')
    .addHelpText(
      'after',
      '\nExamples:\n  modelflow render | kubectl diff -f -\n  modelflow render --format kustomize --out k8s --profile production\n',
    )
    .action(async (services: string[], options: { format?: string; out?: string; image?: string }) => {
      const { renderCommand } = await import('../commands/render.ts');
      const { format, out, image } = options;
      done(await renderCommand({ ...where(), services, format, out, image }, signal));
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
      const { serveCommand } = await import('../commands/serve.ts');
      done(await serveCommand({ model, ...options }, signal));
    });
}
