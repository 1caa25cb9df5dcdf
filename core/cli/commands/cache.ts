import type { ExitCode } from '../../spec/codes.ts';
import { openWorkspace, type Where } from '../workspace.ts';

/** `modelflow cache verify`: every byte of every artifact against its digest. Damaged ones are set aside, so that the next run makes them again. */
export async function cacheVerifyCommand(options: Where & { readonly json: boolean }): Promise<ExitCode> {
  const { store } = await openWorkspace(options);
  const damaged: { digest: string; why: string }[] = [];
  const digests = store.artifacts.digests();
  for (const digest of digests) {
    const why = await store.artifacts.damage(digest);
    if (why === undefined) continue;
    damaged.push({ digest, why });
    store.artifacts.quarantine(digest);
  }
  if (options.json) console.log(JSON.stringify({ artifacts: digests.length, damaged }, undefined, 2));
  else {
    for (const { digest, why } of damaged) console.log(`damaged  ${digest.slice(0, 12)}  ${why}; moved to quarantine`);
    console.log(`${digests.length} artifacts, ${digests.length - damaged.length} whole, ${damaged.length} damaged`);
  }
  return damaged.length === 0 ? 0 : 1;
}
