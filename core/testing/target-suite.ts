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
  const splitting = given.target.def.split ? splitChecks(given) : [];
  if (!ask) return [...checks, ...splitting];
  return [
    ...checks,
    ...splitting,
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

/** What the engine counts on beside that in a target that splits traffic between two releases. */
function splitChecks(given: TargetSuite): readonly Check[] {
  const { ask } = given;
  const check = (name: string, act: (bench: Bench) => Promise<void>): Check => ({ name, run: () => onBench(given, act) });
  const half = [
    { stamp: stampA, weight: 50 },
    { stamp: stampB, weight: 50 },
  ];
  const checks = [
    check('two releases share the traffic as they are told, and applying it again changes nothing', async ({ apply, split, read }) => {
      await apply(stampA);
      const live = await split(half);
      deepStrictEqual(weights(live), { [stampA]: 50, [stampB]: 50 });
      deepStrictEqual(await read(), live, 'read() sees something else than apply() returned');
      deepStrictEqual(await split(half), live);
    }),
    check('a release without traffic is kept ready, takes over, and the other one goes when it is wanted no more', async (bench) => {
      await bench.apply(stampA);
      const beside = await bench.split([
        { stamp: stampA, weight: 100 },
        { stamp: stampB, weight: 0 },
      ]);
      deepStrictEqual(weights(beside), { [stampA]: 100, [stampB]: 0 });
      deepStrictEqual(
        beside.revisions.map(({ health }) => health),
        ['ready', 'ready'],
        'both have to be ready',
      );
      const switched = await bench.split([
        { stamp: stampA, weight: 0 },
        { stamp: stampB, weight: 100 },
      ]);
      deepStrictEqual(weights(switched), { [stampA]: 0, [stampB]: 100 });
      deepStrictEqual(await bench.probe(switched), { ok: true });
      deepStrictEqual(weights(await bench.apply(stampB)), { [stampB]: 100 });
    }),
    check('from a split everything can be given back to the release before', async ({ apply, split, probe }) => {
      await apply(stampA);
      await split(half);
      const back = await apply(stampA);
      deepStrictEqual(weights(back), { [stampA]: 100 });
      deepStrictEqual(await probe(back), { ok: true });
    }),
  ];
  if (!ask || !countsRequests(given.target)) return checks;
  return [
    ...checks,
    check(
      'what is asked is counted, release by release, and no request is lost while the split changes',
      async ({ apply, split, counted }) => {
        const live = await apply(stampA);
        const changed = new AbortController();
        const asking = askUntil(() => ask(live), changed.signal);
        await split(half).finally(() => changed.abort());
        deepStrictEqual((await asking).lost, []);
        // A connection of before the split may bring one last answer by the way it came.
        for (let request = 0; request < 10; request++) await ask(live);
        const before = await counted();
        for (let request = 0; request < 40; request++) await ask(live);
        const grownBy = async (): Promise<readonly number[]> => {
          const after = await counted();
          return [stampA, stampB].map((stamp) => (after[stamp] ?? 0) - (before[stamp] ?? 0));
        };
        let grown = await grownBy();
        // Whoever counts may do so just after the answer.
        for (let look = 0; look < 100 && grown.reduce((sum, each) => sum + each, 0) < 40; look++) grown = await grownBy();
        const sum = (grown[0] ?? 0) + (grown[1] ?? 0);
        ok(sum >= 40, `${sum} requests were counted of 40 that were asked`);
        ok(Math.min(...grown) > 0, `the two releases were asked ${grown.join(' and ')} times`);
      },
    ),
  ];
}

/** Where only replicas split the traffic, nobody stands in the way of the requests to count them. */
function countsRequests({ def, settings }: Target): boolean {
  const context = { settings: asGiven(settings), signal: new AbortController().signal, log: silent, stateFolder: '' };
  return def.observe !== undefined && def.split?.(context).by === 'requests';
}

function weights({ revisions }: LiveService): Readonly<Record<string, number>> {
  return Object.fromEntries(revisions.map(({ stamp, weight }) => [String(stamp), weight]));
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
  /** These releases and no others. */
  split(revisions: readonly { readonly stamp: string; readonly weight: number }[]): Promise<LiveService>;
  /** Stamp → requests, of all who count. */
  counted(): Promise<Readonly<Record<string, number>>>;
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
    async split(wanted) {
      const revisions = await Promise.all(wanted.map(async (each) => ({ ...each, what: await what(each.stamp) })));
      return def.apply(context(), { service, revisions }, await read());
    },
    async counted() {
      const counts: Record<string, number> = {};
      const { sources } = (await def.observe?.(context(), service)) ?? { sources: [] };
      for (const { stamp, requests } of sources.flatMap(({ revisions }) => revisions)) counts[stamp] = (counts[stamp] ?? 0) + requests;
      return counts;
    },
    probe: (live) => def.probe(context(), live),
    remove: () => def.remove(context(), service),
  };
}
