import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repository } from './load.ts';

const bin = join(repository, 'dist/core/cli/bin.js');

function runAs(version: string) {
  // An older Node is not at hand; the bin only looks at the number.
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`;
  return spawnSync(process.execPath, ['--import', pretend, bin, '--version'], { encoding: 'utf8' });
}

describe('under a Node that is too old', () => {
  test.each(['16.20.2', '20.11.0', '22.18.0', '23.11.1'])('%s, the bin says in one line what it needs, and ends with 2', (version) => {
    const { status, stdout, stderr } = runAs(version);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(new RegExp(`^error MF1204: .*22\\.19.*this is Node ${version}\\..*npm install -D node@24.*\\n$`));
    expect(stderr.split('\n')).toHaveLength(2);
  });

  test('nothing in the bin needs a newer syntax, or anything of ours, before it has said so', () => {
    const code = readFileSync(bin, 'utf8').replace(/^export \{\};$/m, '');
    expect(code).not.toMatch(/^\s*(import\s+[^(]|export\b|await\b)/m);
    expect(code).not.toMatch(/\?\.|\?\?|#!?\w+\s*=/);
  });
});

test.each(['22.19.0', '22.21.1', '24.0.0', '26.1.0'])('under Node %s the bin runs', (version) => {
  const { status, stdout } = runAs(version);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
});
