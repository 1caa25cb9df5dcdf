import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ref } from '../spec/ref.ts';
import { digestFolder } from '../store/digest.ts';
import { openWorkshop, type Workshop } from './make.ts';

/** One thing that must hold, for any test runner: `for (const { name, run } of stageSuite(…)) test(name, run)`. It throws when it does not hold. */
export interface Check {
  readonly name: string;
  run(): Promise<void>;
}

/** How long a stage may go on after it was told to stop; the engine leaves it behind after that. */
const graceMs = 10_000;

/**
 * What the engine counts on in a stage. `cases`: calls of it as a configuration would make them, by name; inputs come from `fixture`,
 * or from other stages. Paths in options are taken from the working folder.
 */
export function stageSuite(cases: Readonly<Record<string, () => Ref>>): readonly Check[] {
  return Object.entries(cases).flatMap(([name, call]) => [
    check(`${name}: makes plain files, and facts that fit the kind`, async (shop) => {
      await shop.make(call());
    }),
    check(`${name}: makes the same bytes and facts from the same inputs`, async (shop) => {
      const ref = call();
      const [first, second] = [await shop.make(ref), await shop.again(ref)];
      deepStrictEqual(second.files, first.files, 'the files of a second run differ');
      deepStrictEqual(second.artifact.facts, first.artifact.facts, 'the facts of a second run differ');
    }),
    check(`${name}: leaves its inputs as they are`, async (shop) => {
      const ref = call();
      const inputs = await Promise.all(Object.values(ref.node.inputs).flat().map(shop.make));
      await shop.make(ref);
      for (const { artifact, files } of inputs)
        deepStrictEqual(await digestFolder(artifact.path), files, `an input of kind ${artifact.kind} was changed`);
    }),
    check(`${name}: ends within ${graceMs / 1_000} s when it is told to stop`, async (shop) => {
      const ref = call();
      await Promise.all(Object.values(ref.node.inputs).flat().map(shop.make));
      const over = new AbortController();
      const stopping = new AbortController();
      const work = shop.again(ref, stopping.signal).then(
        () => true,
        () => true,
      );
      stopping.abort();
      const ended = await Promise.race([work, pause(graceMs, false, { signal: over.signal }).catch(() => false)]);
      over.abort();
      ok(ended, 'it went on; pass `signal` to what takes long, or look at `signal.aborted`');
    }),
    check(`${name}: names the same tools each time`, async () => {
      const { options, stage } = call().node;
      const { tools, version } = stage;
      ok(Number.isSafeInteger(version) && version >= 1, `its version is ${version}, and must be a whole number from 1`);
      const named = await tools?.(options);
      deepStrictEqual(await tools?.(options), named);
      for (const [tool, its] of Object.entries(named ?? {})) strictEqual(typeof its, 'string', `the version of ${tool} is no text`);
    }),
  ]);
}

function check(name: string, act: (shop: Workshop) => Promise<void>): Check {
  return {
    name,
    async run() {
      const shop = await openWorkshop();
      try {
        await act(shop);
      } finally {
        await shop.close();
      }
    },
  };
}
