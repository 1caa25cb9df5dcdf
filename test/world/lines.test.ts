import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keepTail, splitLines } from '../../core/world/lines.ts';

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

test('lines are the same wherever the stream was cut', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[^\r\n]*$/u)), fc.array(fc.nat(200)), (lines, places) => {
      const seen: string[] = [];
      const splitter = splitLines((line) => seen.push(line));
      for (const chunk of cut(Buffer.from(lines.map((line) => `${line}\n`).join('')), places)) splitter.write(chunk);
      splitter.end();
      // Half of a pair of surrogates has no bytes of its own.
      expect(seen).toEqual(lines.map((line) => line.toWellFormed()));
    }),
  );
});

test('a line without an end is handed on in pieces, not collected', () => {
  const seen: number[] = [];
  const splitter = splitLines((line) => seen.push(line.length));
  for (let mebibyte = 0; mebibyte < 40; mebibyte += 1) splitter.write(Buffer.alloc(1024 * 1024, 'x'));
  expect(seen.length).toBeGreaterThan(1);
  splitter.end();
  expect(seen.reduce((a, b) => a + b)).toBe(40 * 1024 * 1024);
});

test('the tail is the end of the stream, at most as long as was asked, and never half a character', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-zäß€😀]{0,60}$/u), fc.array(fc.nat(300)), fc.integer({ min: 1, max: 40 }), (text, places, size) => {
      const tail = keepTail(size);
      const bytes = Buffer.from(text);
      for (const chunk of cut(bytes, places)) tail.write(chunk);
      const kept = tail.text();
      expect(text.endsWith(kept)).toBe(true);
      const length = Buffer.byteLength(kept);
      expect(length).toBeLessThanOrEqual(size);
      expect(length).toBeGreaterThan(Math.min(size, bytes.length) - 4);
    }),
  );
});
