import { Option } from 'commander';
import { type CommandScope, positiveInteger } from './scope.ts';

/** The store, its locks and its records. */
export function storeCommands({ program, where, signal, done }: CommandScope): void {
  const cache = program.command('cache').description('the store of artifacts');
  cache
    .command('verify')
    .description('compare every byte with its digest, and set aside what is damaged')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { cacheVerifyCommand } = await import('../commands/cache.ts');
      done(await cacheVerifyCommand({ ...where(), json }));
    });
  cache
    .command('pack')
    .description('write all that the last run used into one file, for the cache of a CI service')
    .argument('<file>', 'is replaced when it is there')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  modelflow cache unpack cache.pack && modelflow run && modelflow cache pack cache.pack\n')
    .action(async (file: string, { json = false }: { json?: boolean }) => {
      const { cachePackCommand } = await import('../commands/cache-pack.ts');
      done(await cachePackCommand({ ...where(), file, json }));
    });
  cache
    .command('unpack')
    .description('take over what `cache pack` has written; no file means nothing to do')
    .argument('<file>', 'written by `modelflow cache pack`')
    .option('--json', 'as JSON')
    .action(async (file: string, { json = false }: { json?: boolean }) => {
      const { cacheUnpackCommand } = await import('../commands/cache-pack.ts');
      done(await cacheUnpackCommand({ ...where(), file, json }));
    });
  cache
    .command('gc')
    .description('remove what neither the last runs, nor a live release, nor one that can be gone back to needs')
    .option('--keep <runs>', 'the last runs of each pipeline and profile, with all they made or used', positiveInteger, 10)
    .option('--days <days>', 'and every run of so many days', positiveInteger)
    .option('--releases <number>', 'the last releases of each service that can be gone back to', positiveInteger, 3)
    .option('--dry-run', 'only say what would be removed')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  modelflow cache gc --dry-run\n  modelflow cache gc --keep 3 --days 30\n')
    .action(async (options: { keep: number; days?: number; releases: number; dryRun?: true; json?: true }) => {
      const { cacheGcCommand } = await import('../commands/cache-gc.ts');
      const { keep, days, releases, dryRun = false, json = false } = options;
      done(await cacheGcCommand({ ...where(), runs: keep, days, releases, dryRun, json }));
    });
  cache
    .command('du')
    .description('what the store holds, and for whom')
    .addOption(new Option('--by <group>', 'how to group the artifacts').choices(['kind', 'stage', 'run']).default('stage'))
    .option('--json', 'as JSON')
    .action(async ({ by, json = false }: { by: 'kind' | 'stage' | 'run'; json?: boolean }) => {
      const { cacheDuCommand } = await import('../commands/cache-du.ts');
      done(await cacheDuCommand({ ...where(), by, json }));
    });
  program
    .command('unlock')
    .description('break the lock of a run that died on another machine')
    .action(async () => {
      const { unlockCommand } = await import('../commands/unlock.ts');
      done(await unlockCommand(where(), signal));
    });
}
