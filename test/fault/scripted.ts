import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  defineArtifact,
  defineStage,
  defineTarget,
  many,
  must,
  type Ref,
  type Stage,
  type Target,
  type Wanted,
  z,
} from '../../core/index.ts';
import { type Surroundings, writeUnsynced } from './world.ts';

export const Text = defineArtifact('text', z.object({ score: z.number(), release: z.number() }));
type TextRef = Ref<typeof Text>;

/** The versions of one configuration, in the order in which they are run, and how each ends when nothing disturbs it. */
export const releases = [
  { release: 1, ends: ['ok'] },
  { release: 2, ends: ['ok'] },
  // Answers wrongly: rolled back. Found rolled back by the run after a crash, it is held.
  { release: 3, ends: ['rolled-back', 'refused'] },
  // Its gate refuses.
  { release: 4, ends: ['refused'] },
  // One stage always fails; what does not need it is made.
  { release: 5, ends: ['failed'] },
  { release: 6, ends: ['ok'] },
] as const;

/** What the undisturbed runs put into the world, in order: 3 was rolled back to 2, 4 and 5 never got there. */
export const appliedInOrder: readonly number[] = [1, 2, 3, 2, 6];

/** One configuration with all that an engine has to get right: reuse, retries, gates, early cut-off, a deployment that may be rolled back. */
export function configuration(release: number, around: Surroundings): Wanted {
  const { source, flaky, measure, same, pack, put } = stages(around);
  const raw = source({ text: 'raw' });
  const shaped = flaky({ text: raw, shape: release >= 2 ? 2 : 1, isHopeless: release === 5, retries: 2 });
  const report = measure({ text: shaped, score: release === 4 ? 0.1 : 0.9 });
  const settled = same({ text: shaped });
  const after = pack({ texts: [settled], release: 0 });
  const bundle = pack({ texts: [raw, settled], release, gates: [must(report, ({ score }) => score > 0.5, 'the score is too low')] });
  const live = put({ what: bundle, target: place(around) });
  return { raw, shaped, report, settled, after, bundle, live };
}

const textOf = (artifact: { readonly path: string }): string => readFileSync(join(artifact.path, 'text.txt'), 'utf8');

/** Inferred types of stages are long; the tests pass plain values. */
type Scripted = Readonly<Record<'source' | 'flaky' | 'measure' | 'same' | 'pack' | 'put', (given: object) => TextRef>>;

function stages(around: Surroundings): Scripted {
  const write = (out: string, path: string, text: string): void => writeUnsynced(around, path, text, out);
  const facts = (score: number, release = 0): { readonly score: number; readonly release: number } => ({ score, release });
  const attempts = new Map<string, number>();
  const source = defineStage({
    name: 'source',
    version: 1,
    inputs: {},
    options: { text: z.string() },
    output: Text,
    async run({ options, out }) {
      write(out, 'text.txt', options.text);
      write(out, 'deep/er/bytes.bin', 'b'.repeat(3000));
      write(out, 'deep/empty', '');
      return facts(0);
    },
  });
  const flaky = defineStage({
    name: 'flaky',
    version: 1,
    inputs: { text: Text },
    options: { shape: z.int(), isHopeless: z.boolean() },
    output: Text,
    async run({ inputs, options, out, log }) {
      const attempt = (attempts.get('flaky') ?? 0) + 1;
      attempts.set('flaky', attempt);
      write(out, 'text.txt', `half of attempt ${attempt}, `);
      log.info(`attempt ${attempt}`);
      if (options.isHopeless) throw new Error('hopeless');
      if (attempt === 1) throw new Error('not yet');
      write(out, 'shaped.txt', `${textOf(inputs.text)} in shape ${options.shape}`);
      // The same bytes whichever attempt it was.
      around.files.remove(join(out, 'text.txt'));
      write(out, 'text.txt', 'shaped');
      return facts(0);
    },
  });
  const measure = defineStage({
    name: 'measure',
    version: 1,
    inputs: { text: Text },
    options: { score: z.number() },
    output: Text,
    async run({ options, out }) {
      write(out, 'text.txt', 'report');
      return facts(options.score);
    },
  });
  const same = defineStage({
    name: 'same',
    version: 1,
    inputs: { text: Text },
    options: {},
    output: Text,
    async run({ inputs, out }) {
      write(out, 'text.txt', textOf(inputs.text).slice(0, 1));
      return facts(0);
    },
  });
  const pack = defineStage({
    name: 'pack',
    version: 1,
    inputs: { texts: many(Text) },
    options: { release: z.int() },
    output: Text,
    async run({ inputs, options, out }) {
      write(out, 'text.txt', inputs.texts.map(textOf).join('+'));
      return facts(0, options.release);
    },
  });
  const put = defineStage({
    name: 'put',
    version: 1,
    inputs: { what: Text },
    options: { target: z.custom<Target>() },
    output: Text,
    deploys: ({ target }) => ({ target, service: 'service', slot: 'what' }),
    async run({ inputs, out, live }) {
      write(out, 'text.txt', live?.url ?? 'nowhere');
      return facts(0, inputs.what.facts.release);
    },
  });
  const made: Readonly<Record<string, Stage<never, never, string, unknown>>> = { source, flaky, measure, same, pack, put } as never;
  return made as unknown as Scripted;
}

/** A target whose world is a variable. What it says of release 3 is that it answers wrongly. */
function place({ world, changed }: Surroundings): Target {
  const nothing = { service: 'service', url: undefined, revisions: [], token: '0', settings: {} };
  return defineTarget({
    name: 'place',
    version: 1,
    settings: {},
    runs: [Text],
    check: async () => [],
    read: async () => world.live ?? nothing,
    async apply(_, want) {
      const [revision] = want.revisions;
      const { release } = revision?.what.facts ?? { release: -1 };
      const stamp = revision?.stamp;
      // What is there already is left as it is: a run asks for it once more where one before it may have been broken off.
      if (world.live?.revisions.every((each) => each.stamp === stamp)) return world.live;
      world.live = {
        service: 'service',
        url: `http://there/${release}`,
        token: String(release),
        settings: {},
        revisions: [{ id: String(release), stamp, weight: 100, health: 'ready' }],
      };
      world.applied.push(release);
      changed();
      return world.live;
    },
    probe: async (_, live) => (live.token === '3' ? { ok: false, why: 'it answers wrongly' } : { ok: true }),
    remove: async () => undefined,
  })();
}
