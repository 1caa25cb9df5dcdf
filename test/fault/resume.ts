import { expect } from 'vitest';
import type { RunEvent } from '../../core/spec/event.ts';
import { expectRemembered, expectWholeStore, finishedIn, startedIn } from './invariants.ts';
import type { Random } from './random.ts';
import { acknowledgedBefore, type Process, runRelease, type Standpoint, type Undisturbed } from './scenario.ts';
import { appliedInOrder } from './scripted.ts';
import { storeOn } from './simulated-process.ts';

export interface Disturbed {
  /** What the same release made when nothing disturbed it. */
  readonly like: Undisturbed;
  readonly left: Standpoint;
  /** What the disturbed process was answered for. */
  readonly told: readonly RunEvent[];
}

/** The next process finds what the disturbed one left, and must come to the same end as if nothing had happened, without doing anything twice. */
export async function expectResumed({ like, left, told }: Disturbed, root: string, random: Random, when: string): Promise<void> {
  const resumed = await runRelease(like.release.release, left, root, random);
  expectEnded(resumed, like.release.ends, when);
  expect(digestsOf(like.process), `${when}: the same artifacts`).toMatchObject(digestsOf(resumed));
  const finished = finishedIn(told);
  const again = startedIn(acknowledgedBefore(resumed, resumed.trace.now())).filter((fingerprint) => finished.has(fingerprint));
  expect(again, `${when}: nothing that was finished runs again`).toEqual([]);
  const store = storeOn(root, resumed.files);
  const [disturbed] = store.runs.ids().slice(-2);
  if (told.length > 0) expectRemembered(told, store.runs.events(disturbed ?? ''), when);
  await expectWholeStore(root, resumed.files, when);
  const applied = appliedInOrder.slice(0, resumed.world.applied.length);
  expect(resumed.world.applied, `${when}: nothing is applied twice`).toEqual(applied);
  expect(resumed.world.live?.token, `${when}: what is live`).toBe(like.process.world.live?.token);
}

function digestsOf(process: Process): Readonly<Record<string, string>> {
  if ('thrown' in process.ended) throw process.ended.thrown;
  return Object.fromEntries([...process.ended.result.made].map(([node, artifact]) => [node, artifact.digest]));
}

export function expectEnded(process: Process, ends: readonly string[], when: string): void {
  if ('thrown' in process.ended) throw new Error(when, { cause: process.ended.thrown });
  expect(ends, `${when}: ${JSON.stringify(process.ended.result.diagnostics)}`).toContain(process.ended.result.outcome);
}
