import { describe, expect, it, vi } from 'vitest';
import type { Rig } from '../support/rig.ts';
import type { ServerKind } from './servers.ts';
import { makeWorld } from './world-rig.ts';

describe.each(['s3', 'oci'] as const)('five machines at once, with a store in %s,', (kind: ServerKind) => {
  it('of which one is killed, leave a store that is whole, and each service deployed once', async () => {
    const world = await makeWorld(kind);
    const services = ['a', 'a', 'b', 'c', 'd'];
    const machines: readonly Rig[] = services.map((service) => world.machine('one', service));
    const runs = machines.map((machine) => world.start(machine, ['run']));
    await vi.waitFor(() => expect(world.lines('made.txt').length).toBeGreaterThan(0), 30_000);
    runs[4]?.child.kill('SIGKILL');
    const ends = await Promise.all(runs.map((run) => run.finished));
    expect(ends.slice(0, 4).map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const before = world.lines('made.txt').length;
    for (const service of new Set(services)) expect((await world.run(world.machine('one', service), ['run'])).code).toBe(0);
    expect(world.lines('made.txt')).toHaveLength(before);
    expect([...world.lines('applied.txt')].sort()).toEqual(['a http://one', 'b http://one', 'c http://one', 'd http://one']);
    const reader = world.machine('one', 'a');
    expect((await world.run(reader, ['inspect', 'made', '--path'])).code).toBe(0);
    expect((await world.run(reader, ['cache', 'verify'])).stdout).toContain(', 0 damaged');
  });
});
