import type { Diagnostic } from '../spec/diagnostic.ts';
import type { RunEvent } from '../spec/event.ts';
import type { FingerprintParts } from '../spec/plan.ts';

/** One time that a node was made, reused, tried or left out. */
export interface Making {
  readonly node: string;
  readonly stage: string | undefined;
  readonly run: string;
  /** ISO 8601, UTC: when it ended, or began where nothing says that it ended. */
  readonly at: string;
  readonly how: 'made' | 'reused' | 'failed' | 'interrupted' | 'skipped';
  readonly fingerprint: string | undefined;
  readonly parts: FingerprintParts | undefined;
  readonly digest: string | undefined;
  readonly durationMs: number | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The failed nodes that it was skipped for. */
  readonly because: readonly string[];
}

/** Node → every time it was looked at by a run, oldest first. */
export type Lineage = ReadonlyMap<string, readonly Making[]>;

/** `runs`: the events of each run, the oldest run first. */
export function foldLineage(runs: Iterable<readonly RunEvent[]>): Lineage {
  const lineage = new Map<string, Making[]>();
  for (const events of runs) {
    const inRun = new Map<string, Making>();
    let run = '?';
    for (const event of events) {
      if (event.type === 'run-started' || event.type === 'operation-started') run = event.run;
      const making = makingAfter(event, run, inRun);
      if (making) inRun.set(making.node, making);
    }
    for (const making of inRun.values()) {
      const already = lineage.get(making.node);
      if (already) already.push(making);
      else lineage.set(making.node, [making]);
    }
  }
  return lineage;
}

/** What an event makes of the node it speaks of. A killed run writes no end: what only started was interrupted. */
function makingAfter(event: RunEvent, run: string, inRun: ReadonlyMap<string, Making>): Making | undefined {
  switch (event.type) {
    case 'node-started': {
      const { node, stage, at, fingerprint, parts } = event;
      return { ...nothing(node, run, at), stage, how: 'interrupted', fingerprint, parts };
    }
    case 'node-reused': {
      const { node, at, fingerprint, parts, digest } = event;
      return { ...nothing(node, run, at), stage: parts.stage, how: 'reused', fingerprint, parts, digest };
    }
    case 'node-finished': {
      const { node, at, digest, durationMs, fingerprint } = event;
      return { ...(inRun.get(node) ?? nothing(node, run, at)), at, how: 'made', fingerprint, digest, durationMs };
    }
    case 'node-failed': {
      const { node, at, diagnostics } = event;
      return { ...(inRun.get(node) ?? nothing(node, run, at)), at, how: 'failed', diagnostics };
    }
    case 'node-skipped': {
      const { node, at, because } = event;
      // Without a failure behind it, it was merely not begun before the run ended.
      return inRun.has(node) ? undefined : { ...nothing(node, run, at), how: 'skipped', because };
    }
    default:
      return undefined;
  }
}

function nothing(node: string, run: string, at: string): Making {
  return {
    node,
    stage: undefined,
    run,
    at,
    how: 'skipped',
    fingerprint: undefined,
    parts: undefined,
    digest: undefined,
    durationMs: undefined,
    diagnostics: [],
    because: [],
  };
}
