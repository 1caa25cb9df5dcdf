import { afterAll, describe, expect, it } from 'vitest';
import { ModelflowError } from '../../core/index.ts';
import type { Code } from '../../core/spec/codes.ts';
import { everythingKept, everythingLost } from './crash-model.ts';
import type { Fault } from './fault-files.ts';
import { randomFrom, seedOf } from './random.ts';
import { expectResumed } from './resume.ts';
import { acknowledgedBefore, fastFolder, type Process, runRelease, type Undisturbed, undisturbedRuns } from './scenario.ts';

const seed = seedOf('FAULT_SEED');
/** Every n-th call only; 1 tries them all. */
const stride = Number(process.env['FAULT_STRIDE'] ?? 8);
const folder = fastFolder();
afterAll(() => folder.remove());

const said: Readonly<Record<Fault['code'], Code>> = { ENOSPC: 'MF6002', EIO: 'MF6011', EMFILE: 'MF6010' };

/** What somebody is told: the reason, with its code, and never that it is a bug of ours. */
function expectSaid(process: Process, like: Undisturbed, fault: Fault, when: string): void {
  const { ended } = process;
  if ('result' in ended && like.release.ends.some((end) => end === ended.result.outcome)) return;
  const diagnostics = 'result' in ended ? ended.result.diagnostics : diagnosticsIn(ended.thrown, when);
  // A stage that cannot write says so in its own words, unless the disk is full.
  const codes: readonly Code[] = fault.code === 'ENOSPC' ? [said.ENOSPC] : [said[fault.code], 'MF3001'];
  expect(codes, `${when}: ${JSON.stringify(diagnostics)}`).toContain(diagnostics[0]?.code);
}

function diagnosticsIn(thrown: unknown, when: string): ModelflowError['diagnostics'] {
  if (thrown instanceof ModelflowError) return thrown.diagnostics;
  throw new Error(`${when}: something else than a diagnostic was thrown`, { cause: thrown });
}

async function failAndResume(like: Undisturbed, fault: Fault): Promise<void> {
  const when = `release ${like.release.release}, ${fault.code} at call ${fault.at}${fault.isLasting ? ' and after' : ''}, FAULT_SEED=${seed}`;
  const root = `${folder.path}/project`;
  const failed = await runRelease(like.release.release, like.from, root, randomFrom(seed), fault);
  expect(failed.files.hasFailed(), when).toBe(true);
  expectSaid(failed, like, fault, when);
  const told = acknowledgedBefore(failed, failed.trace.now());
  const { trace, world } = failed;
  for (const [then, fate] of [
    ['', everythingKept],
    [', then a power cut', everythingLost],
  ] as const) {
    const left = { image: trace.imageAt(trace.now(), fate), world };
    await expectResumed({ like, left, told }, root, randomFrom(seed), when + then);
  }
}

describe('a call to the disk that fails', () => {
  const sorts = (['ENOSPC', 'EIO', 'EMFILE'] as const).flatMap((code) => [
    { code, isLasting: false, how: 'once' },
    { code, isLasting: true, how: 'from then on' },
  ]);
  it.each(sorts)('with $code $how is told as what it is, and the next run goes on', { timeout: 3_600_000 }, async ({ code, isLasting }) => {
    const runs = await undisturbedRuns(`${folder.path}/undisturbed`, randomFrom(seed));
    let points = 0;
    for (const like of runs) {
      const calls = like.process.files.calls(code);
      for (let at = 1 + (seed % stride); at <= calls; at += stride) {
        points++;
        await failAndResume(like, { at, code, isLasting });
      }
    }
    console.log(`failures: ${code}, ${isLasting ? 'lasting' : 'once'}: ${points} points of one call in ${stride}, FAULT_SEED=${seed}`);
    expect(points).toBeGreaterThan(20);
  });
});
