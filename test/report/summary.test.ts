import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatChange, formatFact, formatMs, formatNumber } from '../../core/report/format.ts';
import { type SummaryRow, summaryText } from '../../core/report/summary.ts';
import type { Headline } from '../../core/spec/artifact.ts';

const report: readonly Headline[] = [
  { fact: 'accuracy', label: 'accuracy', unit: 'percent' },
  { fact: 'r2', label: 'R²', unit: 'number' },
  { fact: 'sizeBytes', label: 'size', unit: 'bytes' },
  { fact: 'latency.p50Ms', label: 'latency p50', unit: 'milliseconds' },
];
const evaluated = (node: string, accuracy: number, sizeBytes: number, p50Ms: number): SummaryRow => ({
  node,
  kind: 'eval-report',
  headlines: report,
  facts: { accuracy, sizeBytes, latency: { p50Ms } },
});
const service: SummaryRow = {
  node: 'service',
  kind: 'deployment',
  headlines: [
    { fact: 'service', label: 'service', unit: 'text' },
    { fact: 'url', label: 'url', unit: 'text' },
  ],
  facts: { service: 'digits', url: 'http://127.0.0.1:8080' },
};

describe('the summary of a run', () => {
  test('compares nodes of a kind, the last with the first, and gives each other node a line', () => {
    const rows = [evaluated('before', 0.9093, 409_000, 0.021), service, evaluated('after', 0.9118, 112_345, 0.0142)];
    expect(summaryText(rows)).toMatchInlineSnapshot(`
      "eval-report            accuracy     size  latency p50
        before                90.93 %   409 kB     0.021 ms
        after                 91.18 %   112 kB     0.014 ms
        before -> after  +0.25 points  -72.5 %      -32.4 %

      service  deployment  service digits, url http://127.0.0.1:8080"
    `);
  });

  test('leaves out headlines that nobody has a value for, and kinds without headlines', () => {
    expect(summaryText([{ node: 'x', kind: 'other', headlines: [], facts: {} }])).toBe('');
    expect(summaryText([evaluated('a', 0.5, 1, 1), evaluated('b', 0.5, 1, 1)])).not.toContain('R²');
  });
});

describe('a value is formatted by its unit', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9_949, '9.9 kB'],
    [9_951, '10 kB'],
    [409_000, '409 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [46_700_000, '47 MB'],
    [-1500, '-1.5 kB'],
  ])('%d bytes', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [0, '0 ms'],
    [0.0142, '0.014 ms'],
    [3.44, '3.4 ms'],
    [120.4, '120 ms'],
    [999.4, '999 ms'],
    [1000, '1.0 s'],
    [12_345, '12 s'],
    [59_600, '1 min 00 s'],
    [125_000, '2 min 05 s'],
    [3_720_000, '1 h 02 min'],
  ])('%d milliseconds', (ms, text) => {
    expect(formatMs(ms)).toBe(text);
  });

  test.each([
    [0.9118, 'percent', '91.18 %'],
    [5.4e-7, 'number', '5.40e-7'],
    [0.123456, 'number', '0.1235'],
    [17, 'count', '17'],
    ['int8', 'text', 'int8'],
    [undefined, 'bytes', ''],
    [['a'], 'text', '["a"]'],
  ] as const)('%s as %s', (value, unit, text) => {
    expect(formatFact(value, unit)).toBe(text);
  });

  test.each([
    [0.9, 0.905, 'percent', '+0.50 points'],
    [0.905, 0.9, 'percent', '-0.50 points'],
    [400, 100, 'bytes', '-75.0 %'],
    [2, 3, 'milliseconds', '+50.0 %'],
    [0, 1500, 'bytes', '+1.5 kB'],
    [5, 5, 'count', '0 %'],
    ['float32', 'int8', 'text', 'changed'],
    ['a', 'a', 'text', ''],
    [undefined, 1, 'bytes', ''],
  ] as const)('from %s to %s in %s', (first, last, unit, text) => {
    expect(formatChange(first, last, unit)).toBe(text);
  });

  test('any number is shown in a few characters, and reads back as nearly the same', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = formatNumber(value);
        expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(Math.abs(value) * 0.006);
      }),
    );
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (bytes) => {
        expect(formatBytes(bytes).length).toBeLessThanOrEqual(7);
      }),
    );
  });
});
