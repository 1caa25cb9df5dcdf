import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makeRig, type Rig } from '../support/rig.ts';

const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));

function storeOfFormat1(): Rig {
  const rig = makeRig();
  cpSync(`${fixtures}/store-of-format-1`, rig.root, { recursive: true });
  return rig;
}

describe('a store of format 1, as it was committed', () => {
  it('is read as it is: what was made, who released it, and what was refused', async () => {
    const rig = storeOfFormat1();
    const inspected = await rig.run('inspect', 'text', '--json');
    expect(inspected.code, inspected.stderr).toBe(0);
    expect(JSON.parse(inspected.stdout).facts).toEqual({ length: 3 });
    const plan = JSON.parse((await rig.run('plan', '--json')).stdout);
    expect(plan.steps.at(-1).live.action).toBe('held');
    expect((await rig.run('cache', 'verify')).stdout).toContain('3 artifacts, 3 whole, 0 damaged');
    expect(rig.read('store/format.json')).toBe('{"format":1}\n');
  });

  it('is upgraded once by the first thing that writes to it, and keeps all it held', async () => {
    const rig = storeOfFormat1();
    expect((await rig.run('run', '--force', 'live')).code).toBe(0);
    const upgraded = rig.read('store/format.json');
    expect(JSON.parse(upgraded)).toEqual({ format: 2, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect((await rig.run('rollback')).stdout).toContain('release c8144550b59e');
    expect(rig.read('store/format.json')).toBe(upgraded);
    expect(JSON.parse((await rig.run('inspect', 'text', '--json')).stdout).facts).toEqual({ length: 3 });
  });
});
