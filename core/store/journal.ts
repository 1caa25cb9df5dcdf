import { join } from 'node:path';
import { sha256 } from '../plan/canonical.ts';
import type { NewEvent, RunEvent } from '../spec/event.ts';
import type { Journal } from '../spec/journal.ts';
import type { Clock } from '../spec/port.ts';
import type { Disk } from './disk.ts';

/** The runs of one pipeline and profile, each a folder with a journal (what happened) and a log (what was said). */
export interface Runs {
  /** Begins a run. Its id counts up, whatever the clock does; the time in it is for people. */
  begin(clock: Clock): { readonly run: string; readonly journal: Journal };
  /** Ids, oldest first. */
  ids(): readonly string[];
  events(run: string): readonly RunEvent[];
  /** What the stages said, in order. */
  said(run: string): readonly RunEvent[];
}

const journalName = 'journal.ndjson';
const logName = 'log.ndjson';

export function runsFolder(folder: string, disk: Disk): Runs {
  const ids = (): readonly string[] => disk.list(folder).filter((name) => /^\d{6,}-/.test(name));
  return {
    begin(clock) {
      const last = Number.parseInt(ids().at(-1) ?? '0', 10);
      const time = clock
        .now()
        .toISOString()
        .replace(/[-:]|\.\d+/g, '');
      const run = `${String(last + 1).padStart(6, '0')}-${time}`;
      disk.makeFolder(join(folder, run));
      return { run, journal: journalIn(join(folder, run), disk, clock) };
    },
    ids,
    events: (run) => readEvents(join(folder, run, journalName), disk),
    said: (run) => readEvents(join(folder, run, logName), disk),
  };
}

/** What a stage says is not worth a disk sync; what happened to it is. Progress is only shown. */
function journalIn(folder: string, disk: Disk, clock: Clock): Journal {
  let [happened, said] = [0, 0];
  return {
    async append(event) {
      const at = clock.now().toISOString();
      switch (event.type) {
        case 'node-progress':
          return { ...event, seq: happened, at };
        case 'node-output':
          return put(join(folder, logName), { ...event, seq: said++, at }, disk, false);
        default:
          return put(join(folder, journalName), { ...event, seq: happened++, at }, disk, true);
      }
    },
  };
}

function put(path: string, event: NewEvent & { seq: number; at: string }, disk: Disk, durable: boolean): RunEvent {
  const json = JSON.stringify(event);
  disk.append(path, `${sha256(json).slice(0, 16)} ${json}\n`, durable);
  return event;
}

/** Stops at the first line that does not match its sum: a torn end is what a power cut leaves, and nobody was told of it. */
function readEvents(path: string, disk: Disk): readonly RunEvent[] {
  const events: RunEvent[] = [];
  for (const line of (disk.readText(path) ?? '').split('\n')) {
    const json = line.slice(17);
    if (line === '' || sha256(json).slice(0, 16) !== line.slice(0, 16)) break;
    events.push(JSON.parse(json) as RunEvent);
  }
  return events;
}
