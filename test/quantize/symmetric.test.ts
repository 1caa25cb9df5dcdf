import fc from 'fast-check';
import { symmetricQuantize } from 'modelflow/stages';
import { expect, test } from 'vitest';

test('the example: the largest value becomes 127, the others in proportion', () => {
  const { scale, quantized } = symmetricQuantize([-0.9, 1.2, 3.4, 0.2, -2.5]);
  expect([...quantized]).toEqual([-34, 45, 127, 7, -93]);
  expect(scale).toBe(3.4 / 127);
});

/** The formula again, element by element and without its tricks: S = max|R| / (2^(n−1) − 1), Q = round(R / S), halves to even. */
function restated(values: readonly number[], bits: number): readonly number[] {
  const scale = Math.max(...values.map(Math.abs)) / (2 ** (bits - 1) - 1);
  return values.map((value) => {
    const exact = value / scale;
    const candidates = [Math.floor(exact), Math.ceil(exact)].sort(
      (a, b) => Math.abs(exact - a) - Math.abs(exact - b) || (a % 2 === 0 ? -1 : 1),
    );
    return (candidates[0] ?? 0) + 0;
  });
}

const number = fc.double({ min: -1e6, max: 1e6, noNaN: true }).filter((value) => value === 0 || Math.abs(value) > 1e-6);

test('it is the formula for any finite values and number of bits', () => {
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 50 }), fc.integer({ min: 2, max: 16 }), (values, bits) => {
      fc.pre(values.some((value) => value !== 0));
      expect([...symmetricQuantize(values, bits).quantized]).toEqual(restated(values, bits));
    }),
  );
});

test('what comes back differs by at most half a step, and zero comes back as zero', () => {
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 50 }), (values) => {
      const { scale, quantized } = symmetricQuantize([...values, 0]);
      for (const [index, value] of values.entries())
        expect(Math.abs((quantized[index] ?? 0) * scale - value)).toBeLessThanOrEqual(scale * 0.500001);
      expect(quantized.at(-1)).toBe(0);
    }),
  );
});

test('halves are rounded to the even neighbour', () => {
  // The scale is exactly 1.
  expect([...symmetricQuantize([127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5]).quantized]).toEqual([127, 0, 2, 2, 0, -2, -2]);
});

test('all zeros, no values, and values too small for a scale become zeros', () => {
  expect(symmetricQuantize([0, -0, 0])).toEqual({ scale: 1, quantized: Int32Array.of(0, 0, 0) });
  expect(symmetricQuantize([])).toEqual({ scale: 1, quantized: new Int32Array() });
  expect([...symmetricQuantize([5e-324, -5e-324]).quantized]).toEqual([0, 0]);
});

test('values that are not finite, and bits that make no sense, are refused', () => {
  for (const value of [Number.NaN, Infinity, -Infinity]) expect(() => symmetricQuantize([1, value])).toThrow(`value 1 is ${value}`);
  for (const bits of [1, 0, 17, 4.5]) expect(() => symmetricQuantize([1], bits)).toThrow(RangeError);
});
