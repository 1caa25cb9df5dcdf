import type { FactUnit } from '../../spec/artifact.ts';

/** An axis: its two ends, and the round values between them. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

const wantedTicks = 5;
const air = 0.18;

/** An axis that all values fit on with some air, also when they are all the same. A share stays within 0…1, what is never negative above 0. */
export function axisTicks(values: readonly number[], unit: FactUnit): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const spread = most - least || Math.abs(most) * 0.1 || 1;
  const from = least >= 0 ? Math.max(0, least - spread * air) : least - spread * air;
  const isShare = unit === 'percent' && least >= 0 && most <= 1;
  const to = isShare ? Math.min(1, most + spread * air) : most + spread * air;
  const step = roundStep((to - from) / wantedTicks);
  const first = Math.ceil(from / step - 1e-9);
  // Multiples of a step keep their digits; sums of it would not.
  const ticks = Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
  return { from, to, ticks };
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function roundStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  const factor = [1, 2, 5, 10].find((each) => each * power >= atLeast) ?? 10;
  return factor * power;
}
