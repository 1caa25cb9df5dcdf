import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { defineArtifact, defineStage, many, type Ref, type Wanted, z } from '../../core/index.ts';
import { type Surroundings, writeUnsynced } from './world.ts';

/** One node of a random graph: which earlier nodes it needs, and how it behaves until it is healed. */
export interface NodeSketch {
  readonly inputs: readonly number[];
  /** How many of its tries fail in each run; more than its retries: the run fails. */
  readonly failures: number;
  readonly retries: number;
  /** Turns of the event loop that it takes. */
  readonly turns: number;
}

const node = (index: number): fc.Arbitrary<NodeSketch> =>
  fc.record({
    inputs: index === 0 ? fc.constant([]) : fc.uniqueArray(fc.integer({ min: 0, max: index - 1 }), { maxLength: 3 }),
    failures: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.integer({ min: 1, max: 3 }) }),
    retries: fc.integer({ min: 0, max: 2 }),
    turns: fc.integer({ min: 0, max: 4 }),
  });

/** `cuts`: how far, from 0 to 1, each of the runs came before its process died. `order` shuffles the scheduler. */
export const graphArbitrary = fc.record({
  nodes: fc.integer({ min: 1, max: 10 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => node(index)))),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
  order: fc.nat(),
  concurrency: fc.integer({ min: 1, max: 4 }),
  keepGoing: fc.boolean(),
});

/** What node `index` makes, computed without an engine. */
export function textOf(nodes: readonly NodeSketch[], index: number): string {
  const inputs = (nodes[index]?.inputs ?? []).map((input) => textOf(nodes, input));
  return `${index}(${inputs.join(',')})`;
}

/** The graph as a configuration; whether a stage fails is no part of what it is. */
export function graphOfNodes(nodes: readonly NodeSketch[], isHealed: boolean): (around: Surroundings) => Wanted {
  return (around) => {
    const Text = defineArtifact('text', z.object({ text: z.string() }));
    const tries = new Map<number, number>();
    const made = defineStage({
      name: 'made',
      version: 1,
      inputs: { texts: many(Text) },
      options: { index: z.int() },
      output: Text,
      async run({ inputs, options: { index }, out }) {
        const { failures = 0, turns = 0 } = nodes[index] ?? {};
        for (let count = 0; count < turns; count++) await turn();
        const text = `${index}(${inputs.texts.map((input) => input.facts.text).join(',')})`;
        writeUnsynced(around, 'text.txt', text.slice(0, 2), out);
        const count = (tries.get(index) ?? 0) + 1;
        tries.set(index, count);
        if (!isHealed && count <= failures) throw new Error('told to fail');
        around.files.remove(join(out, 'text.txt'));
        writeUnsynced(around, 'text.txt', text, out);
        return { text };
      },
    });
    const refs: Ref<typeof Text>[] = [];
    for (const [index, { inputs, retries }] of nodes.entries())
      refs.push(made({ texts: inputs.map((input) => refs[input] as Ref<typeof Text>), index, retries }));
    return Object.fromEntries(refs.map((ref, index) => [`n${index}`, ref]));
  };
}
