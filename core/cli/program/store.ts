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
  program
    .command('unlock')
    .description('break the lock of a run that died on another machine')
    .action(async () => {
      const { unlockCommand } = await import('../commands/unlock.ts');
      done(await unlockCommand(where(), signal));
    });
}
