import type { CodeEntry } from './code-entry.ts';

/** Of container images and registries. */
export const imageCodes = {} as const satisfies Record<`MF${number}`, CodeEntry>;
