import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Wanted } from '../../core/index.ts';
import type { RunEvent } from '../../core/spec/event.ts';
import { emptyImage, everythingKept, type Image, type Trace, traceFrom } from './crash-model.ts';
import { type Fault, type FaultFiles, faultFiles } from './fault-files.ts';
import type { Random } from './random.ts';
import { configuration, releases } from './scripted.ts';
import { type Ended, simulateRun } from './simulated-process.ts';
import { copyOfWorld, emptyWorld, type Surroundings, type World } from './world.ts';

/** What a process did beside its disk. */
export type Mark = { readonly world: World } | { readonly acknowledged: RunEvent };

/** Where things stand between two processes. */
export interface Standpoint {
  readonly image: Image;
  readonly world: World;
}

export interface Process {
  readonly ended: Ended;
  readonly trace: Trace<Mark>;
  readonly files: FaultFiles;
  readonly world: World;
  /** Where things stand when it has come to its end, whatever that was. */
  readonly after: Standpoint;
}

export const nothingYet: Standpoint = { image: emptyImage(), world: emptyWorld() };

export interface Given {
  readonly from: Standpoint;
  readonly root: string;
  readonly random: Random;
  readonly concurrency: number;
  readonly keepGoing?: boolean;
  readonly fault?: Fault | undefined;
  configure(around: Surroundings): Wanted;
}

/** One `modelflow run`, begun where things stand, with everything it does recorded. */
export async function recordRun({ from, root, random, concurrency, keepGoing = false, fault, configure }: Given): Promise<Process> {
  const trace = traceFrom<Mark>(from.image);
  const files = faultFiles(root, trace, fault);
  const world = copyOfWorld(from.world);
  const changed = (): void => trace.mark({ world: copyOfWorld(world) });
  const wanted = configure({ files, world, changed });
  const acknowledged = (event: RunEvent): void => trace.note({ acknowledged: event });
  const ended = await simulateRun({ root, files, wanted, random, concurrency, keepGoing, acknowledged });
  return { ended, trace, files, world, after: { image: trace.imageAt(trace.now(), everythingKept), world } };
}

export function runRelease(release: number, from: Standpoint, root: string, random: Random, fault?: Fault): Promise<Process> {
  return recordRun({ from, root, random, concurrency: 2, fault, configure: (around) => configuration(release, around) });
}

/** The world as it was at a point of a process. */
export function worldAt({ trace }: Pick<Process, 'trace'>, point: number, before: World): World {
  const seen = trace.marksBefore(point).flatMap((mark) => ('world' in mark ? [mark.world] : []));
  return seen.at(-1) ?? before;
}

export function acknowledgedBefore({ trace }: Pick<Process, 'trace'>, point: number): readonly RunEvent[] {
  return trace.marksBefore(point).flatMap((mark) => ('acknowledged' in mark ? [mark.acknowledged] : []));
}

export interface Undisturbed {
  readonly release: (typeof releases)[number];
  readonly from: Standpoint;
  readonly process: Process;
}

/** Every release in order, as it goes when nothing disturbs it: what all disturbed runs are compared with. */
export async function undisturbedRuns(root: string, random: Random): Promise<readonly Undisturbed[]> {
  const runs: Undisturbed[] = [];
  for (const release of releases) {
    const from = runs.at(-1)?.process.after ?? nothingYet;
    runs.push({ release, from, process: await runRelease(release.release, from, root, random) });
  }
  return runs;
}

/** A folder in memory where there is one: thousands of small stores are written into it. */
export function fastFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'modelflow-fault-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
