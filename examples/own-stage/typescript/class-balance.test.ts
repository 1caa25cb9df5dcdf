import { dataset } from 'modelflow/stages';
import { stageSuite } from 'modelflow/testing';
import { test } from 'vitest';
import { classBalance } from './class-balance.ts';

const digits = new URL('../../digits/test.npz', import.meta.url).pathname;

const suite = stageSuite({
  'all classes': () => classBalance({ data: dataset({ path: digits }) }),
  'without the zeros': () => classBalance({ data: dataset({ path: digits }), ignore: [0] }),
});
for (const { name, run } of suite) test(name, run);
