import { join } from 'node:path';
import { expect } from 'vitest';
import { lastingEvents, type RunEvent } from '../../core/spec/event.ts';
import type { FileSystem } from '../../core/store/file-system.ts';
import { holderOf } from '../../core/store/lock.ts';
import { filesBelow } from '../support/rig.ts';
import { storeOn } from './simulated-process.ts';

/** Whatever happened before: this is what a store has to be like after a run that nothing disturbed. */
export async function expectWholeStore(root: string, files: FileSystem, when: string): Promise<void> {
  const store = storeOn(root, files);
  for (const digest of store.artifacts.digests())
    expect(await store.artifacts.damage(digest), `${when}: artifact ${digest}`).toBe(undefined);
  expect(filesBelow(join(store.root, 'quarantine')), `${when}: quarantine`).toEqual([]);
  for (const path of filesBelow(join(store.root, 'results')).filter((each) => !isTemporary(each))) {
    const result = await store.results.find(path.split('/').at(-1) ?? '');
    expect(result, `${when}: result ${path}`).toBeDefined();
    expect(store.artifacts.digests(), `${when}: result ${path}`).toContain(result?.digest);
  }
  expect(filesBelow(join(store.root, 'work')), `${when}: attempts are cleared away`).toEqual([]);
  const last = store.runs.ids().at(-1) ?? '';
  expect(store.runs.events(last).at(-1)?.type, `${when}: the journal comes to its end`).toBe('run-ended');
  for (const run of store.runs.ids()) expectDense(store.runs.events(run), `${when}: run ${run}`);
  const asking = { pid: 2, startedAt: '', host: 'here', boot: 'this', user: '', command: '', since: '' };
  expect(holderOf(join(store.root, 'locks', store.scope), store.disk, { me: asking, isAlive: () => true }), `${when}: lock`).toBe(
    undefined,
  );
}

/** Left by a process that died between making and renaming; nobody reads it. */
function isTemporary(path: string): boolean {
  return path.split('/').at(-1)?.startsWith('.') === true;
}

/** Behind a line that was lost, only what counts for good is still believed. */
export function expectDense(events: readonly RunEvent[], when: string): void {
  const dense = events.filter((event, at) => event.seq === at || !lastingEvents.has(event.type));
  expect(
    dense.map((event) => event.seq),
    `${when}: no event is missing`,
  ).toEqual(dense.map((_, at) => at));
}

/** What was said to be written is there: all of it, or all but what was never claimed to be durable at the end. */
export function expectRemembered(told: readonly RunEvent[], kept: readonly RunEvent[], when: string): void {
  const lines = told.filter((event) => event.type !== 'node-output' && event.type !== 'node-progress');
  const needed = lines.findLastIndex((event) => !isTakenAlong(event));
  expect(kept.slice(0, needed + 1), `${when}: events that were acknowledged`).toEqual(lines.slice(0, needed + 1));
}

function isTakenAlong({ type }: RunEvent): boolean {
  return type === 'node-reused' || type === 'node-skipped' || type === 'gate-judged';
}

/** Fingerprints whose result was acknowledged. */
export function finishedIn(events: readonly RunEvent[]): ReadonlySet<string> {
  return new Set(events.flatMap((event) => (event.type === 'node-finished' ? [event.fingerprint] : [])));
}

export function startedIn(events: readonly RunEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === 'node-started' ? [event.fingerprint] : []));
}
