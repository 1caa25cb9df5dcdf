import { expect, test } from 'vitest';
import { pick, quantile, total } from '../../stages/monitor/samples.ts';
import { parseMetrics } from '../../stages/monitor/text-format.ts';

test('comments and empty lines are no samples; names, labels, values and time stamps are told apart', () => {
  const page = [
    '# HELP requests_total Requests.',
    '# TYPE requests_total counter',
    '',
    'requests_total 3',
    'requests_total{code="200"} 1027 1395066363000',
    'ns:sub_total{a="x", b="y",} 1.5e-3',
    'empty{} 0',
  ].join('\n');
  expect(parseMetrics(page)).toEqual([
    { name: 'requests_total', labels: {}, value: 3 },
    { name: 'requests_total', labels: { code: '200' }, value: 1027 },
    { name: 'ns:sub_total', labels: { a: 'x', b: 'y' }, value: 0.0015 },
    { name: 'empty', labels: {}, value: 0 },
  ]);
});

test('braces, commas, quotes, backslashes and line breaks inside a label value are part of it', () => {
  const [sample] = parseMetrics(String.raw`m{path="C:\\dir\\{a},\"b\"\nnext",other="}"} 1`);
  expect(sample?.labels).toEqual({ path: 'C:\\dir\\{a},"b"\nnext', other: '}' });
});

test('infinities and NaN are values', () => {
  const values = parseMetrics('a +Inf\nb -Inf\nc NaN\nd{le="+Inf"} 4').map(({ value }) => value);
  expect(values).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 4]);
});

test.each(['<html>not found</html>', 'name', 'name{a=b} 1', 'name{a="b" 1', 'name{a="b"} many', '{"error":"x"}'])(
  '%s is refused',
  (text) => {
    expect(() => parseMetrics(`ok 1\n${text}`)).toThrow(/line 2/);
  },
);

test('samples are picked by name and labels, and added up', () => {
  const samples = parseMetrics('r{m="a",code="200"} 5\nr{m="a",code="500"} 2\nr{m="b",code="500"} 9\nother{m="a"} 7');
  expect(total(pick(samples, 'r', ({ m }) => m === 'a'))).toBe(7);
  expect(total(pick(samples, 'r', ({ m, code }) => m === 'a' && code === '500'))).toBe(2);
  expect(total(pick(samples, 'none'))).toBe(0);
});

const buckets = (...counts: readonly (readonly [string, number])[]) =>
  counts.map(([le, value]) => ({ name: 'h_bucket', labels: { le }, value }));

test.each([
  ['in the middle of a bucket', 0.5, buckets(['1', 10], ['2', 20], ['+Inf', 20]), 1],
  ['inside a bucket, by proportion', 0.99, buckets(['1', 90], ['2', 100], ['+Inf', 100]), 1.9],
  ['in the first bucket, which begins at 0', 0.5, buckets(['4', 8], ['+Inf', 8]), 2],
  ['beyond the last bound', 0.99, buckets(['1', 10], ['2', 20], ['+Inf', 100]), 2],
  [
    'over series that are added up, in any order',
    0.5,
    [...buckets(['+Inf', 4], ['2', 4], ['1', 0]), ...buckets(['1', 4], ['2', 4], ['+Inf', 4])],
    1,
  ],
])('a quantile %s', (_, q, samples, expected) => {
  expect(quantile(q, samples)).toBeCloseTo(expected, 12);
});

test('without an observation there is no quantile', () => {
  expect(quantile(0.99, buckets(['1', 0], ['+Inf', 0]))).toBeUndefined();
  expect(quantile(0.99, [])).toBeUndefined();
});
