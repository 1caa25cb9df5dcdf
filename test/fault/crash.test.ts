import { afterAll, describe, expect, it } from 'vitest';
import { anythingMayBeLost, everythingKept, everythingLost, type Fate } from './crash-model.ts';
import { expectRemembered, expectWholeStore, finishedIn, startedIn } from './invariants.ts';
import { randomFrom, seedOf } from './random.ts';
import { acknowledgedBefore, fastFolder, type Process, runRelease, type Undisturbed, undisturbedRuns, worldAt } from './scenario.ts';
import { appliedInOrder } from './scripted.ts';
import { storeOn } from './simulated-process.ts';

const seed = seedOf('FAULT_SEED');
/** Of each point: everything is kept, everything that was not synced is lost, and this many random mixtures. */
const mixtures = Number(process.env['FAULT_MIXTURES'] ?? 1);
const folder = fastFolder();
afterAll(() => folder.remove());

const digestsOf = (process: Process): Readonly<Record<string, string>> => {
  if ('thrown' in process.ended) throw process.ended.thrown;
  return Object.fromEntries([...process.ended.result.made].map(([node, artifact]) => [node, artifact.digest]));
};

/** The process ends at a point; what is left of its disk is what the next one finds. */
async function crashAndResume(runs: readonly Undisturbed[], at: number, point: number, fate: Fate, when: string): Promise<void> {
  const { from, process, release } = runs[at] as Undisturbed;
  const root = `${folder.path}/project`;
  const told = acknowledgedBefore(process, point);
  const left = { image: process.trace.imageAt(point, fate), world: worldAt(process, point, from.world) };
  const resumed = await runRelease(release.release, left, root, randomFrom(seed + point));
  expectEnded(resumed, release.ends, when);
  expect(digestsOf(process), when).toMatchObject(digestsOf(resumed));
  const events = acknowledgedBefore(resumed, resumed.trace.now());
  const finished = finishedIn(told);
  expect(
    startedIn(events).filter((fingerprint) => finished.has(fingerprint)),
    `${when}: nothing that was finished runs again`,
  ).toEqual([]);
  const store = storeOn(root, resumed.files);
  const [crashed] = store.runs.ids().slice(-2);
  if (told.length > 0) expectRemembered(told, store.runs.events(crashed ?? ''), when);
  await expectWholeStore(root, resumed.files, when);
  const applied = appliedInOrder.slice(0, resumed.world.applied.length);
  expect(resumed.world.applied, `${when}: nothing is applied twice`).toEqual(applied);
  expect(resumed.world.live?.token, when).toBe(process.world.live?.token);
}

function expectEnded(process: Process, ends: readonly string[], when: string): void {
  if ('thrown' in process.ended) throw new Error(when, { cause: process.ended.thrown });
  expect(ends, `${when}: ${JSON.stringify(process.ended.result.diagnostics)}`).toContain(process.ended.result.outcome);
}

describe('a process that ends between any two calls to the disk', () => {
  it('loses nothing that was finished, whatever of the unsynced bytes and names is left', { timeout: 3_600_000 }, async () => {
    const runs = await undisturbedRuns(`${folder.path}/undisturbed`, randomFrom(seed));
    for (const { release, process } of runs) expectEnded(process, release.ends.slice(0, 1), `release ${release.release}`);
    expect(runs.at(-1)?.process.world.applied).toEqual(appliedInOrder);
    let points = 0;
    let images = 0;
    for (const [at, { process, release }] of runs.entries()) {
      for (let point = 0; point <= process.trace.now(); point++) {
        points++;
        const fates = [
          everythingKept,
          everythingLost,
          ...Array.from({ length: mixtures }, (_, nth) => anythingMayBeLost(randomFrom(seed + 1000 * point + nth))),
        ];
        for (const [nth, fate] of fates.entries()) {
          images++;
          await crashAndResume(runs, at, point, fate, `release ${release.release}, point ${point}, image ${nth}, seed ${seed}`);
        }
      }
    }
    console.log(`crashes: ${points} points, ${images} images, FAULT_SEED=${seed}`);
    expect(points).toBeGreaterThan(200);
  });
});
