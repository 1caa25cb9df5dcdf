import fc from 'fast-check';
import type { Tensor } from 'modelflow/serve';
import { expect, test } from 'vitest';
import { compareOutput, joinParity } from '../../stages/export/parity.ts';

const tolerance = { absoluteTolerance: 0.1, relativeTolerance: 0.01 };
const float = (shape: readonly number[], ...values: number[]): Tensor => ({ dtype: 'float64', shape, data: Float64Array.from(values) });

test('values agree when |a − b| ≤ absolute + relative · |a|, and not beyond', () => {
  const original = float([3, 1], 0, 100, 100);
  expect(compareOutput('y', original, float([3, 1], 0.1, 101.09, 98.91), tolerance)).toMatchObject({ beyond: 0, worst: undefined });
  const found = compareOutput('y', original, float([3, 1], 0.11, 101.2, 100), tolerance, 10);
  expect(found).toMatchObject({ beyond: 2, elements: 3, worst: { row: 11, element: 0, original: '100', converted: '101.2' } });
  expect(found.maxAbsoluteError).toBeCloseTo(1.2, 9);
  expect(found.maxRelativeError).toBeCloseTo(0.012, 9);
});

test('what is not a number, or infinite, must be so on both sides', () => {
  const special = float([1, 4], Number.NaN, Infinity, -Infinity, 1);
  expect(compareOutput('y', special, special, tolerance).beyond).toBe(0);
  expect(compareOutput('y', special, float([1, 4], 1, Infinity, Infinity, 1), tolerance)).toMatchObject({
    beyond: 2,
    maxAbsoluteError: Infinity,
  });
  expect(compareOutput('y', float([1, 1], 1), float([1, 1], Number.NaN), tolerance).worst?.converted).toBe('NaN');
});

test('other shapes differ, and so do other strings', () => {
  expect(compareOutput('y', float([2, 1], 1, 2), float([1, 2], 1, 2), tolerance).worst).toMatchObject({
    original: 'shape [2, 1]',
    converted: 'shape [1, 2]',
  });
  const words = (...data: string[]): Tensor => ({ dtype: 'string', shape: [data.length], data });
  expect(compareOutput('y', words('a', 'b'), words('a', 'b'), tolerance).beyond).toBe(0);
  expect(compareOutput('y', words('a', 'b'), words('a', 'c'), tolerance).worst).toMatchObject({ row: 1, converted: 'c' });
});

test('64-bit integers and half-precision numbers are compared by value', () => {
  const whole: Tensor = { dtype: 'int64', shape: [2], data: BigInt64Array.of(5n, 7n) };
  expect(compareOutput('y', whole, float([2], 5, 7), tolerance).beyond).toBe(0);
  const half: Tensor = { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) };
  expect(compareOutput('y', half, float([1], 1), tolerance).beyond).toBe(0);
});

test('comparing rows in pieces says the same as comparing them at once', () => {
  const row = fc.tuple(fc.double({ min: -5, max: 5, noNaN: true }), fc.double({ min: -5, max: 5, noNaN: true }));
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 20 }), fc.nat(19), (rows, cut) => {
      const at = Math.min(cut, rows.length);
      const part = (from: number, to: number, side: 0 | 1) => float([to - from, 1], ...rows.slice(from, to).map((pair) => pair[side]));
      const piece = (from: number, to: number) => compareOutput('y', part(from, to, 0), part(from, to, 1), tolerance, from);
      const joined = joinParity(piece(0, at), piece(at, rows.length));
      const whole = piece(0, rows.length);
      expect({ ...joined, worst: undefined }).toEqual({ ...whole, worst: undefined });
      expect(joined.worst === undefined).toBe(whole.worst === undefined);
    }),
  );
});
