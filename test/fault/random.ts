/** A source of numbers that says the same for the same seed: 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** From the environment, so that a failure can be had again; otherwise another one each time, printed by the test. */
export function seedOf(name: string): number {
  const given = process.env[name];
  return given === undefined ? Date.now() % 1_000_000 : Number(given);
}
