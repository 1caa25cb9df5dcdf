import { lastingEvents, type RunEvent } from '../../spec/event.ts';
import type { Runs } from '../journal.ts';
import { getRecord, keyWord, putRecord } from './records.ts';
import type { SharedStore } from './shared.ts';

/** A run as other machines read it. */
interface SharedRun {
  readonly format: 1;
  readonly run: string;
  readonly events: readonly RunEvent[];
  /** What older runs released and what was refused: who reads the newest runs knows all of it. */
  readonly earlier: Readonly<Record<string, readonly RunEvent[]>>;
}

export interface SharedRuns extends Runs {
  /** Reads what other machines have done since the last time. */
  fetch(): Promise<void>;
  /** Lets others see a run as far as it has come. */
  publish(run: string): Promise<void>;
  /** Runs of this machine that others should see and do not. */
  unpublished(): readonly string[];
}

/** So many of the newest runs are read; all older releases are in them. */
const runsRead = 50;
const runsKept = 500;
const readsAtOnce = 16;
const isPublic = (run: string): boolean => /^\d{6,}-[0-9TZ]+-[0-9a-z]{6}$/.test(run);

/** The runs of this machine and, of a pipeline and profile, those of all others. `nonce` makes the ids of this machine its own. */
export function sharedRuns(local: Runs, shared: SharedStore, scope: string, nonce: string): SharedRuns {
  const { remote, signal } = shared;
  const prefix = `runs/${scope.split('/').map(keyWord).join('/')}/`;
  const others = new Map<string, readonly RunEvent[]>();
  const earlier = new Map<string, readonly RunEvent[]>();
  const published = new Set<string>();
  const own = (): ReadonlySet<string> => new Set(local.own());
  const isWanted = (run: string): boolean => !others.get(run)?.some((event) => event.type === 'run-ended');
  const ids = (): readonly string[] => [...new Set([...earlier.keys(), ...others.keys(), ...local.ids()])].sort(inOrder);
  const events = (run: string): readonly RunEvent[] => (own().has(run) ? local.events(run) : (others.get(run) ?? earlier.get(run) ?? []));
  const releases = (run: string): readonly RunEvent[] => (own().has(run) ? local.releases(run) : events(run).filter(speaksOfReleases));
  const readRun = async (run: string): Promise<void> => {
    const found = (await getRecord(remote, `${prefix}${run}`, signal)) as SharedRun | undefined;
    if (found?.format !== 1 || found.run !== run) return;
    others.set(run, found.events);
    for (const [id, of] of Object.entries(found.earlier)) earlier.set(id, of);
  };
  return {
    begin(clock) {
      const last = Number.parseInt(ids().at(-1) ?? '0', 10);
      return local.begin(clock, { after: last, ...(shared.access === 'write' ? { suffix: nonce } : {}) });
    },
    ids,
    own: local.own,
    events,
    releases,
    said: local.said,
    async fetch() {
      const found = (await remote.list(prefix, signal)).map((key) => key.slice(prefix.length)).filter(isPublic);
      for (const run of found) published.add(run);
      const mine = own();
      const queue = found
        .sort(inOrder)
        .slice(-runsRead)
        .filter((run) => !mine.has(run) && isWanted(run));
      const worker = async (): Promise<void> => {
        for (let run = queue.pop(); run !== undefined; run = queue.pop()) await readRun(run);
      };
      await Promise.all(Array.from({ length: readsAtOnce }, worker));
    },
    async publish(run) {
      const older = ids().filter((id) => id !== run);
      const told = older
        .map((id) => [id, withoutPlan(releases(id))] as const)
        .filter(([, of]) => of.some(({ type }) => lastingEvents.has(type)));
      const record: SharedRun = { format: 1, run, events: local.events(run), earlier: Object.fromEntries(told) };
      await putRecord(remote, `${prefix}${run}`, record, signal);
      published.add(run);
      const old = [...published].sort(inOrder).slice(0, -runsKept);
      for (const id of old.slice(0, 10)) await remote.remove(`${prefix}${id}`, signal);
    },
    unpublished: () => local.own().filter((run) => isPublic(run) && !published.has(run)),
  };
}

/** Numbers first: they count up whatever the clocks do. */
function inOrder(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
}

/** With the first event, which tells the run. */
function speaksOfReleases(event: RunEvent): boolean {
  return lastingEvents.has(event.type) || event.type === 'run-started' || event.type === 'operation-started';
}

function withoutPlan(events: readonly RunEvent[]): readonly RunEvent[] {
  return events
    .filter(speaksOfReleases)
    .map((event) => (event.type === 'run-started' ? { ...event, plan: { ...event.plan, steps: [], gates: [] } } : event));
}
