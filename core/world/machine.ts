import { availableParallelism, totalmem } from 'node:os';
import type { Weight } from '../spec/ref.ts';

/** What this machine, or the container that we are in, has for stages; `cpu` instead of its cores where it is given. */
export function capacityOfMachine(cpu?: number): Weight {
  // 0, or more than there is: no limit is set.
  const limitBytes = process.constrainedMemory();
  const allBytes = totalmem();
  return { cpu: cpu ?? availableParallelism(), memoryBytes: limitBytes > 0 ? Math.min(limitBytes, allBytes) : allBytes };
}
