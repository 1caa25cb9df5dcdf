import type { CodeEntry } from './code-entry.ts';

/** Of the Kubernetes target. */
export const kubernetesCodes = {
  MF5240: {
    title: 'Settings of the Kubernetes target do not go together',
    exit: 2,
    explain:
      'Each setting of `kubernetes({ … })` is right by itself, and two of them contradict each other, such as a drain that is longer than the time a pod has to end. Nothing was sent to the cluster.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
