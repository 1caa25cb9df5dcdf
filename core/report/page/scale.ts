/** An axis: its two ends, and the round values between them. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

/** An axis that all values fit on with some air, also when they are all the same. */
export function axisTicks(values: readonly number[], wanted = 5): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const spread = most - least || Math.abs(most) * 0.1 || 1;
  const [from, to] = [least - spread * 0.18, most + spread * 0.18];
  const step = roundStep((to - from) / wanted);
  const first = Math.ceil(from / step);
  // Multiples of a step keep their digits; sums of it would not.
  const ticks = Array.from({ length: Math.floor(to / step) - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
  // Nothing that is measured here is below nothing.
  const isNeverNegative = least >= 0;
  return { from: isNeverNegative ? Math.max(0, from) : from, to, ticks: ticks.filter((tick) => !isNeverNegative || tick >= 0) };
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function roundStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  const factor = [1, 2, 5, 10].find((each) => each * power >= atLeast) ?? 10;
  return factor * power;
}
