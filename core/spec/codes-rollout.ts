import type { CodeEntry } from './code-entry.ts';

/** Of rollouts in steps, of routers, and of what is done to a rollout by hand. */
export const rolloutCodes = {} as const satisfies Record<`MF${number}`, CodeEntry>;
