import { join } from 'node:path';
import { sha256 } from '../plan/canonical.ts';
import { lastingEvents, type NewEvent, type RunEvent } from '../spec/event.ts';
import type { Journal } from '../spec/journal.ts';
import type { Clock } from '../spec/port.ts';
import type { Disk } from './disk.ts';

/** The runs of one pipeline and profile, each a folder with a journal (what happened) and a log (what was said). */
export interface Runs {
  /** Begins a run. Its id counts up, whatever the clock does; the time in it is for people. */
  begin(clock: Clock, more?: { readonly after?: number; readonly suffix?: string }): { readonly run: string; readonly journal: Journal };
  /** Ids, oldest first. */
  ids(): readonly string[];
  /** Of those, the runs of this machine. */
  own(): readonly string[];
  events(run: string): readonly RunEvent[];
  /** Only the events of a run that speak of releases; quick for a run that released nothing. */
  releases(run: string): readonly RunEvent[];
  /** What the stages said, in order. */
  said(run: string): readonly RunEvent[];
}

const journalName = 'journal.ndjson';
const logName = 'log.ndjson';
const speaksOfReleases = new RegExp(`"type":"(${[...lastingEvents].join('|')})"`);

export function runsFolder(folder: string, disk: Disk): Runs {
  const ids = (): readonly string[] => disk.list(folder).filter((name) => /^\d{6,}-/.test(name));
  return {
    begin(clock, { after = 0, suffix } = {}) {
      const last = Math.max(after, Number.parseInt(ids().at(-1) ?? '0', 10));
      const time = clock
        .now()
        .toISOString()
        .replace(/[-:]|\.\d+/g, '');
      const run = `${String(last + 1).padStart(6, '0')}-${time}${suffix === undefined ? '' : `-${suffix}`}`;
      return { run, journal: journalIn(join(folder, run), disk, clock) };
    },
    ids,
    own: ids,
    events: (run) => readEvents(join(folder, run, journalName), disk),
    releases(run) {
      const path = join(folder, run, journalName);
      return speaksOfReleases.test(disk.readText(path) ?? '') ? readEvents(path, disk) : [];
    },
    said: (run) => readEvents(join(folder, run, logName), disk),
  };
}

/** What a stage says is not worth a disk sync; what happened to it is. Progress is only shown. */
function journalIn(folder: string, disk: Disk, clock: Clock): Journal {
  const ends = new Map<string, { readonly seq: number; readonly sizeBytes: number }>();
  const put = (name: string, event: NewEvent, at: string): RunEvent => {
    const { seq, sizeBytes } = ends.get(name) ?? { seq: 0, sizeBytes: 0 };
    // A run of which nothing is known is no run: the folder comes with the first line.
    if (seq === 0) disk.makeFolder(folder);
    const written = { ...event, seq, at };
    const json = JSON.stringify(written);
    const newSizeBytes = disk.append(join(folder, name), `${sha256(json).slice(0, 16)} ${json}\n`, sizeBytes, isDurable(event));
    if (seq === 0) disk.syncFolder(folder);
    ends.set(name, { seq: seq + 1, sizeBytes: newSizeBytes });
    return written;
  };
  return {
    async append(event) {
      const at = clock.now().toISOString();
      if (event.type === 'node-progress') return { ...event, seq: ends.get(journalName)?.seq ?? 0, at };
      return put(event.type === 'node-output' ? logName : journalName, event, at);
    },
  };
}

/** Nothing is done because of the others: the next durable line takes them along. */
function isDurable({ type }: NewEvent): boolean {
  return type !== 'node-output' && type !== 'node-reused' && type !== 'node-skipped' && type !== 'gate-judged' && type !== 'policy-judged';
}

/**
 * After the first line that does not match its sum, only what counts for good is read. At the end of a run that died such a line is what a power
 * cut leaves, and nobody was told of it; elsewhere the disk spoilt it, and a release that was refused behind it must not be forgotten with it.
 */
function readEvents(path: string, disk: Disk): readonly RunEvent[] {
  const events: RunEvent[] = [];
  let isWhole = true;
  for (const line of (disk.readText(path) ?? '').split('\n')) {
    const json = line.slice(17);
    if (line === '' || sha256(json).slice(0, 16) !== line.slice(0, 16)) isWhole = false;
    else {
      const event = JSON.parse(json) as RunEvent;
      if (isWhole || lastingEvents.has(event.type)) events.push(event);
    }
  }
  return events;
}
