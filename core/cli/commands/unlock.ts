import type { ExitCode } from '../../spec/codes.ts';
import { unlock } from '../session.ts';
import { openWorkspace, type Where } from '../workspace.ts';

/** `modelflow unlock`: for a lock whose holder is on a machine that cannot be asked any more. */
export async function unlockCommand(where: Where): Promise<ExitCode> {
  const { store } = await openWorkspace(where);
  const holder = unlock(store);
  if (holder === undefined) console.log('nobody holds the lock');
  else if (holder === 'unreadable') console.log('broke a lock that could not be read');
  else console.log(`broke the lock of process ${holder.pid} on ${holder.host.split('/')[0]}, held since ${holder.since}`);
  return 0;
}
