import type { Weight } from '../spec/ref.ts';

/** What of the machine is free for nodes at work. Plain counting: no time and no promises. */
export interface Pool {
  /** Is there room beside what is at work? Alone there always is, also for what is heavier than the machine. */
  hasRoomFor(weight: Weight): boolean;
  take(weight: Weight): void;
  giveBack(weight: Weight): void;
}

/** Halves and tenths of a core do not add up exactly. */
const rounding = 1e-6;

export function poolOf(capacity: Weight): Pool {
  let [count, cpu, memoryBytes] = [0, 0, 0];
  const add = (weight: Weight, sign: 1 | -1): void => {
    count += sign;
    cpu += sign * weight.cpu;
    memoryBytes += sign * weight.memoryBytes;
  };
  return {
    hasRoomFor: (weight) =>
      count === 0 || (cpu + weight.cpu <= capacity.cpu + rounding && memoryBytes + weight.memoryBytes <= capacity.memoryBytes),
    take: (weight) => add(weight, 1),
    giveBack: (weight) => add(weight, -1),
  };
}
