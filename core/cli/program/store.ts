import type { CommandScope } from './scope.ts';

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
  program
    .command('unlock')
    .description('break the lock of a run that died on another machine')
    .action(async () => {
      const { unlockCommand } = await import('../commands/unlock.ts');
      done(await unlockCommand(where(), signal));
    });
}
