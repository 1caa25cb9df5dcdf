import type { CodeEntry } from './code-entry.ts';

/** Of the Kubernetes target. */
export const kubernetesCodes = {} as const satisfies Record<`MF${number}`, CodeEntry>;
