import { userInfo } from 'node:os';
import type { LockWorld } from '../store/lock.ts';
import { isAlive, machineOf, ownIdentity } from '../world/process-identity.ts';

/** This process, as a holder of locks, and how to tell whether another one lives. */
export function lockWorld(): LockWorld {
  const me = {
    ...ownIdentity(),
    ...machineOf(),
    user: userName(),
    command: `modelflow ${process.argv.slice(2).join(' ')}`.trim(),
    since: new Date().toISOString(),
  };
  return { me, isAlive };
}

export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id that has no name.
    return String(process.getuid?.() ?? '?');
  }
}
