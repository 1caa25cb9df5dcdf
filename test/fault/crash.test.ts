import { afterAll, describe, expect, it } from 'vitest';
import { anythingMayBeLost, everythingKept, everythingLost } from './crash-model.ts';
import { randomFrom, seedOf } from './random.ts';
import { expectEnded, expectResumed } from './resume.ts';
import { acknowledgedBefore, fastFolder, undisturbedRuns, worldAt } from './scenario.ts';
import { appliedInOrder } from './scripted.ts';

const seed = seedOf('FAULT_SEED');
/** Of each point: everything is kept, everything that was not synced is lost, and this many random mixtures. */
const mixtures = Number(process.env['FAULT_MIXTURES'] ?? 1);
const folder = fastFolder();
afterAll(() => folder.remove());

describe('a process that ends between any two calls to the disk', () => {
  it('loses nothing that was finished, whatever of the unsynced bytes and names is left', { timeout: 3_600_000 }, async () => {
    const runs = await undisturbedRuns(`${folder.path}/undisturbed`, randomFrom(seed));
    for (const { release, process } of runs) expectEnded(process, release.ends.slice(0, 1), `release ${release.release}`);
    expect(runs.at(-1)?.process.world.applied).toEqual(appliedInOrder);
    let points = 0;
    let images = 0;
    for (const like of runs) {
      for (let point = 0; point <= like.process.trace.now(); point++) {
        points++;
        const mixed = Array.from({ length: mixtures }, (_, nth) => anythingMayBeLost(randomFrom(seed + 1000 * point + nth)));
        for (const [nth, fate] of [everythingKept, everythingLost, ...mixed].entries()) {
          images++;
          const left = { image: like.process.trace.imageAt(point, fate), world: worldAt(like.process, point, like.from.world) };
          const when = `release ${like.release.release}, point ${point}, image ${nth}, FAULT_SEED=${seed}`;
          const told = acknowledgedBefore(like.process, point);
          await expectResumed({ like, left, told }, `${folder.path}/project`, randomFrom(seed + point), when);
        }
      }
    }
    console.log(`crashes: ${points} points, ${images} images, FAULT_SEED=${seed}`);
    expect(points).toBeGreaterThan(200);
  });
});
