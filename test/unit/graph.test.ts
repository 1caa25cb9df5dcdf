import { describe, expect, it } from 'vitest';
import { scheduleOf } from '../../core/engine/schedule.ts';
import { defineArtifact, defineStage, many, optional, type Ref, z } from '../../core/index.ts';
import { deadEnds } from '../../core/plan/dead-ends.ts';
import { graphOf } from '../../core/plan/graph.ts';

const Thing = defineArtifact('thing', z.object({}));
const link = defineStage({
  name: 'link',
  version: 1,
  inputs: { from: optional(Thing) },
  options: {},
  output: Thing,
  run: async () => ({}),
});
const gather = defineStage({
  name: 'gather',
  version: 1,
  inputs: { from: many(Thing) },
  options: {},
  output: Thing,
  run: async () => ({}),
});

function chain(length: number): Ref<typeof Thing> {
  let last = link({});
  for (let at = 1; at < length; at++) last = link({ from: last });
  return last;
}

const fan = (width: number): Ref<typeof Thing> => gather({ from: Array.from({ length: width }, () => link({})) });

/** How often a graph of this size is looked up in and added to maps and sets while it is made, ordered and scheduled to its end. */
function stepsFor(last: Ref<typeof Thing>): number {
  let steps = 0;
  const originals = [Map.prototype.get, Map.prototype.set, Set.prototype.has, Set.prototype.add] as const;
  const count =
    <This, Given extends readonly unknown[], R>(act: (this: This, ...given: Given) => R) =>
    (self: This, ...given: Given): R => {
      steps++;
      return act.apply(self, given as never);
    };
  const counted = originals.map((each) => count(each as never));
  const wrap = (at: number) =>
    function (this: unknown, ...given: readonly unknown[]): unknown {
      return (counted[at] as (...all: readonly unknown[]) => unknown)(this, ...given);
    };
  try {
    Object.assign(Map.prototype, { get: wrap(0), set: wrap(1) });
    Object.assign(Set.prototype, { has: wrap(2), add: wrap(3) });
    const graph = graphOf({ last });
    const schedule = scheduleOf(graph, new Set(graph.byName.keys()));
    for (let node = schedule.take(() => true); node; node = schedule.take(() => true)) schedule.done(node.name);
    deadEnds(
      { last },
      graph.nodes.map((node) => node.node),
    );
  } finally {
    Object.assign(Map.prototype, { get: originals[0], set: originals[1] });
    Object.assign(Set.prototype, { has: originals[2], add: originals[3] });
  }
  return steps;
}

describe('a graph', () => {
  it.each([
    ['a chain', chain],
    ['a fan', fan],
  ])('that is %s takes work in proportion to its size', (_, make) => {
    const [small, large] = [stepsFor(make(500)), stepsFor(make(5_000))];
    expect(large).toBeLessThan(small * 11);
    expect(large).toBeGreaterThan(small * 5);
  });
});
