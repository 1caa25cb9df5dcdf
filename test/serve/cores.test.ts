import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { coresOfProcess } from '../../core/serve/cores.ts';

const all = availableParallelism();

test.each([
  ['a quota of cgroup v2 counts', { 'cpu.max': '100000 100000\n' }, 1],
  ['half a core is one thread', { 'cpu.max': '50000 100000\n' }, 1],
  ['no quota leaves all cores', { 'cpu.max': 'max 100000\n' }, all],
  ['a quota above the machine leaves all cores', { 'cpu.max': '99900000 100000\n' }, all],
  ['a quota of cgroup v1 counts', { 'cpu/cpu.cfs_quota_us': '100000\n', 'cpu/cpu.cfs_period_us': '100000\n' }, 1],
  ['no quota of cgroup v1 leaves all cores', { 'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n' }, all],
  ['no cgroup leaves all cores', {}, all],
])('%s', (_, files, cores) => {
  const root = mkdtempSync(join(tmpdir(), 'mf-cores-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  expect(coresOfProcess(root)).toBe(cores);
});
