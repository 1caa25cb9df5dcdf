import type { CodeEntry } from './code-entry.ts';

/** Of the Docker target. */
export const dockerCodes = {} as const satisfies Record<`MF${number}`, CodeEntry>;
