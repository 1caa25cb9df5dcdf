import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict';
import { join } from 'node:path';
import type { Artifact } from '../spec/artifact.ts';
import type { Ref } from '../spec/ref.ts';
import type { LiveService, Target, TargetContext } from '../spec/target.ts';
import { asGiven, openWorkshop, silent, type Workshop } from './make.ts';
import type { Check } from './stage-suite.ts';

export interface TargetSuite {
  /** The target with settings that a test may use. */
  readonly target: Target;
  /** Two things that it can run, with different bytes; from `fixture`, or from other stages. */
  readonly releases: readonly [Ref, Ref];
  /** The name of a service that is free for the test; it is removed after each check. */
  readonly service: string;
  /** Asks the live service once, and fails when it does not answer. With it, the suite also counts requests that are lost while a release is replaced. */
  readonly ask?: (live: LiveService) => Promise<unknown>;
}

const [stampA, stampB] = ['a'.repeat(64), 'b'.repeat(64)];

/** What the engine counts on in a target. Each check begins and ends with a service that is not there. */
export function targetSuite(given: TargetSuite): readonly Check[] {
  const check = (name: string, act: (bench: Bench) => Promise<void>): Check => ({ name, run: () => onBench(given, act) });
  const checks = [
    check('a service that was never deployed has no revisions, and reading it changes nothing', async ({ read, problems }) => {
      const before = await read();
      deepStrictEqual(before.revisions, []);
      deepStrictEqual(await read(), before);
      deepStrictEqual(await problems(), [], 'check() reports errors where nothing stands in the way');
      deepStrictEqual(await read(), before, 'check() changed something');
    }),
    check('what is applied is live with all the traffic, and answers', async ({ apply, read, probe }) => {
      const live = await apply(stampA);
      deepStrictEqual(serving(live), [stampA]);
      deepStrictEqual(await read(), live, 'read() sees something else than apply() returned');
      deepStrictEqual(await probe(live), { ok: true });
      match(live.token, /./, 'the token is empty');
    }),
    check('the settings that are live are plain data that can be compared', async ({ apply }) => {
      const { settings } = await apply(stampA);
      deepStrictEqual(JSON.parse(JSON.stringify(settings)), JSON.parse(JSON.stringify(given.target.settings)));
    }),
    check('applying the same again changes nothing', async ({ apply }) => {
      const first = await apply(stampA);
      deepStrictEqual(await apply(stampA), first);
    }),
    check('another release takes over, and the token moves', async ({ apply }) => {
      const first = await apply(stampA);
      const second = await apply(stampB);
      deepStrictEqual(serving(second), [stampB]);
      ok(second.token !== first.token, 'the token stayed while the live state changed');
    }),
    check('an earlier release can be put back', async ({ apply, probe }) => {
      for (const stamp of [stampA, stampB]) await apply(stamp);
      const back = await apply(stampA);
      deepStrictEqual(serving(back), [stampA]);
      deepStrictEqual(await probe(back), { ok: true });
    }),
    check('a change that was planned against an older state is refused, and what is live stays', async ({ apply, read }) => {
      const stale = await read();
      const live = await apply(stampA);
      await rejects(apply(stampB, { have: stale }), 'it was applied over a state that nobody had looked at');
      deepStrictEqual(await read(), live);
    }),
    check('what was broken off is finished, or undone, by the next', async ({ apply, read, probe }) => {
      await apply(stampA);
      const stopping = new AbortController();
      const broken = apply(stampB, { signal: stopping.signal }).catch(() => undefined);
      stopping.abort();
      await broken;
      strictEqual(serving(await read()).length, 1, 'one release must be serving');
      const live = await apply(stampB);
      deepStrictEqual(serving(live), [stampB]);
      deepStrictEqual(await probe(live), { ok: true });
    }),
    check('what is removed is gone; removing it again is no failure, and it can be deployed again', async ({ apply, read, remove }) => {
      await apply(stampA);
      await remove();
      deepStrictEqual((await read()).revisions, []);
      await remove();
      deepStrictEqual(serving(await apply(stampB)), [stampB]);
    }),
  ];
  const { ask } = given;
  if (!ask) return checks;
  return [
    ...checks,
    check('no request is lost while a release is replaced', async ({ apply }) => {
      const live = await apply(stampA);
      const replaced = new AbortController();
      const asking = askUntil(() => ask(live), replaced.signal);
      await apply(stampB).finally(() => replaced.abort());
      const { asked, lost } = await asking;
      ok(asked > 0, 'nothing was asked');
      deepStrictEqual(lost, [], `${lost.length} of ${asked} requests were lost`);
    }),
  ];
}

async function askUntil(
  ask: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<{ readonly asked: number; readonly lost: readonly string[] }> {
  const lost: string[] = [];
  let asked = 0;
  for (; asked === 0 || !signal.aborted; asked++) await ask().catch((error: unknown) => lost.push(String(error)));
  return { asked, lost };
}

function serving(live: LiveService): readonly (string | undefined)[] {
  return live.revisions.filter(({ weight }) => weight > 0).map(({ stamp }) => stamp);
}

/** A service of the target's, for one check. */
interface Bench {
  read(): Promise<LiveService>;
  problems(): Promise<readonly unknown[]>;
  /** `have` is what is read just before, unless it is given. */
  apply(stamp: string, more?: { readonly have?: LiveService; readonly signal?: AbortSignal }): Promise<LiveService>;
  probe(live: LiveService): ReturnType<Target['def']['probe']>;
  remove(): Promise<void>;
}

async function onBench(given: TargetSuite, act: (bench: Bench) => Promise<void>): Promise<void> {
  const shop = await openWorkshop();
  const bench = benchIn(given, shop);
  try {
    await act(bench);
  } finally {
    await bench.remove();
    await shop.close();
  }
}

function benchIn({ target, releases, service }: TargetSuite, shop: Workshop): Bench {
  const { def } = target;
  const context = (signal = new AbortController().signal): TargetContext => ({
    settings: asGiven(target.settings),
    signal,
    log: silent,
    stateFolder: join(shop.folder, 'services'),
  });
  const read = (): Promise<LiveService> => def.read(context(), service);
  const what = async (stamp: string): Promise<Artifact> => (await shop.make(releases[stamp === stampA ? 0 : 1])).artifact;
  return {
    read,
    problems: async () => (await def.check(context(), service)).filter(({ severity }) => severity === 'error'),
    async apply(stamp, { have, signal } = {}) {
      const revisions = [{ stamp, weight: 100, what: await what(stamp) }];
      return def.apply(context(signal), { service, revisions }, have ?? (await read()));
    },
    probe: (live) => def.probe(context(), live),
    remove: () => def.remove(context(), service),
  };
}
