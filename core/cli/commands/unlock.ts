import type { ExitCode } from '../../spec/codes.ts';
import { breakLock } from '../session.ts';
import { openWorkspace, type Where } from '../workspace.ts';

/** `modelflow unlock`: for a lock whose holder is on a machine that cannot be asked any more. */
export async function unlockCommand(where: Where): Promise<ExitCode> {
  const { store } = await openWorkspace(where);
  const holder = breakLock(store);
  console.log(
    holder
      ? `broke the lock of process ${holder.pid} on ${holder.host.split('/')[0]}, held since ${holder.since}`
      : 'nobody holds the lock',
  );
  return 0;
}
