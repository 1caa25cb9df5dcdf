import { statSync } from 'node:fs';
import { join } from 'node:path';
import { graphLayout } from '../report/page/graph.ts';
import { type PagePieces, pagePieces } from '../report/page/page.ts';
import { isAtWork, recordOf } from './run-record.ts';
import type { Workspace } from './workspace.ts';

export interface FollowedRun {
  readonly run: string;
  readonly page: PagePieces;
  readonly isOver: boolean;
}

/** Pages of runs, made anew when their journals grow, whichever process writes them. */
export interface RunsFollower {
  pieces(run: string): Promise<PagePieces>;
  /** Tells at once how the run stands, and again after each change; `run` undefined: always the last run. Returns how to stop. */
  watch(run: string | undefined, tell: (now: FollowedRun) => void): () => void;
  end(): void;
}

const lookEveryMs = 300;
/** A running stage grows on the timeline though nothing is written. */
const redrawEveryMs = 2000;

export function followRuns(workspace: Workspace): RunsFollower {
  const { runs } = workspace.store;
  const layouts = new Map<string, Awaited<ReturnType<typeof graphLayout>>>();
  const pieces = async (run: string): Promise<PagePieces> => {
    const record = await recordOf(workspace, run, new Date());
    if (!layouts.has(run) && record.graph.nodes.length > 0) layouts.set(run, await graphLayout(record));
    return pagePieces(record, layouts.get(run));
  };
  const stops = new Set<() => void>();
  const watch: RunsFollower['watch'] = (wanted, tell) => {
    const state = { isStopped: false, seen: '', drawnAt: 0, timer: undefined as NodeJS.Timeout | undefined };
    const look = async (): Promise<void> => {
      const run = wanted ?? runs.ids().at(-1);
      const isOver = run !== undefined && !isAtWork(workspace.store, run);
      const mark = run === undefined ? '' : `${run} ${writtenOf(workspace, run)} ${isOver}`;
      const isDue = !isOver && Date.now() - state.drawnAt > redrawEveryMs;
      if (run === undefined || (mark === state.seen && !isDue)) return;
      state.seen = mark;
      const page = await pieces(run);
      state.drawnAt = Date.now();
      if (!state.isStopped) tell({ run, page, isOver });
    };
    const again = (): void => {
      // A look that failed, because the disk did, is tried again like any other.
      void look()
        .catch(() => undefined)
        .finally(() => {
          if (!state.isStopped) state.timer = setTimeout(again, lookEveryMs);
        });
    };
    const stop = (): void => {
      state.isStopped = true;
      clearTimeout(state.timer);
      stops.delete(stop);
    };
    stops.add(stop);
    again();
    return stop;
  };
  return { pieces, watch, end: () => [...stops].forEach((stop) => void stop()) };
}

/** How much has been written of a run. */
function writtenOf({ store }: Workspace, run: string): string {
  return ['journal.ndjson', 'log.ndjson']
    .map((name) => statSync(join(store.root, 'runs', store.scope, run, name), { throwIfNoEntry: false })?.size ?? 0)
    .join('+');
}
