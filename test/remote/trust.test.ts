import { describe, expect, it } from 'vitest';
import { filesBelow } from '../support/rig.ts';
import type { ServerKind } from './servers.ts';
import { makeWorld } from './world-rig.ts';

const pullRequest = { GITHUB_EVENT_NAME: 'pull_request' };

describe.each(['s3', 'oci'] as const)('the run of a pull request, with a store in %s,', (kind: ServerKind) => {
  it('reads what the main branch has made, and writes nothing', async () => {
    const world = await makeWorld(kind);
    await world.run(world.machine('one', 'svc'), ['run']);
    const before = filesBelow(world.server.folder);
    const machine = world.machine('one', 'svc');
    const same = await world.run(machine, ['run'], pullRequest);
    expect(same).toMatchObject({ code: 0 });
    expect(same.stderr.match(/MF6105/g)).toHaveLength(1);
    expect(world.lines('made.txt')).toEqual(['one']);
    const other = await world.run(world.machine('two', 'svc'), ['run'], pullRequest);
    expect(other.code).toBe(3);
    expect(other.stderr).toContain('this run may only read');
    expect(world.lines('applied.txt')).toEqual(['svc http://one']);
    expect(filesBelow(world.server.folder)).toEqual(before);
  });

  it('is not believed by a later run of the main branch on the same machine', async () => {
    const world = await makeWorld(kind);
    const machine = world.machine('one', 'svc');
    expect((await world.run(machine, ['run', '--only', 'made'], pullRequest)).code).toBe(0);
    expect((await world.run(machine, ['plan', '--only', 'made'], pullRequest)).stdout).toContain('= reuse');
    expect((await world.run(machine, ['run', '--only', 'made'])).code).toBe(0);
    expect(world.lines('made.txt')).toEqual(['one', 'one']);
  });

  it('writes when whoever runs it says that it may', async () => {
    const world = await makeWorld(kind);
    const run = await world.run(world.machine('one', 'svc'), ['run'], { ...pullRequest, MODELFLOW_STORE_ACCESS: 'write' });
    expect(run).toMatchObject({ code: 0, stderr: expect.not.stringContaining('MF6105') });
    expect(world.lines('applied.txt')).toEqual(['svc http://one']);
  });
});
