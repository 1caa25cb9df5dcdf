import type { ReleaseRecord, RunEvent } from '../spec/event.ts';
import type { FingerprintParts } from '../spec/plan.ts';
import type { LiveService } from '../spec/target.ts';
import { foldRollout, isRemoved, type Underway } from './rollout.ts';

/** The last that is known of a node. */
export interface NodeHistory {
  readonly fingerprint: string;
  /** Undefined when the run that made them is no longer kept. */
  readonly parts: FingerprintParts | undefined;
  readonly outcome: 'done' | 'failed' | 'interrupted';
  /** How long it took when it last ran to its end, in milliseconds. */
  readonly lastMs: number | undefined;
  /** Of the last time that it came to its end, whatever happened since. */
  readonly madeFingerprint: string | undefined;
}

/** One release of a service, as the journal has it. */
export interface ReleaseEntry {
  readonly release: ReleaseRecord;
  readonly node: string;
  readonly at: string;
  readonly run: string;
  readonly how: 'released' | 'rolled-back' | 'adopted';
  /** Who made it live, from which commit: after a rollback not who released it first. */
  readonly by: string | undefined;
  readonly commit: string | undefined;
}

/** The run or operation that an event belongs to. */
interface Doing {
  readonly run: string;
  readonly operation: string | undefined;
  readonly by: string | undefined;
  readonly commit: string | undefined;
}

/** All that earlier runs left behind: a fold over their events, oldest first. */
export interface History {
  readonly nodes: ReadonlyMap<string, NodeHistory>;
  /** `target/service` → releases that became live, oldest first. */
  readonly releases: ReadonlyMap<string, readonly ReleaseEntry[]>;
  /** Stamps that were rolled back, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
  /** `approvalKey` → who approved it, from which commit. */
  readonly approvals: ReadonlyMap<string, Approval>;
  /** `target/service` → what should be live: undefined after `down`; with the stamp that a killed run was about to bring, if any. */
  readonly settled: ReadonlyMap<string, Settled>;
  /** `target/service` → the rollout that has begun and not come to its end. */
  readonly rollouts: ReadonlyMap<string, Underway>;
}

/** A release as it should be found, unless somebody else has changed it. */
export interface Settled {
  readonly release: ReleaseRecord | undefined;
  /** The settings that the target said it ran with then; undefined where nobody asked. */
  readonly live: LiveService['settings'] | undefined;
  readonly intended: string | undefined;
}

export interface Approval {
  readonly by: string | undefined;
  readonly commit: string | undefined;
  readonly planDigest: string | undefined;
  readonly at: string;
}

/** An approval is for a node and for what it does, and for nothing else. */
export function approvalKey(node: string, fingerprint: string): string {
  return `${node} ${fingerprint}`;
}

export function serviceKey(of: { readonly target: string; readonly service: string }): string {
  return `${of.target}/${of.service}`;
}

/** `runs`: the events of each run, the oldest run first. */
export function foldHistory(runs: Iterable<readonly RunEvent[]>): History {
  const nodes = new Map<string, NodeHistory>();
  // The plan of a run still knows how long its stages took in runs that are not read any more.
  const lastMs = new Map<string, number>();
  const releases = new Map<string, ReleaseEntry[]>();
  const refused = new Map<string, string>();
  const approvals = new Map<string, Approval>();
  const settled = new Map<string, Settled>();
  const rollouts = new Map<string, Underway>();
  for (const events of runs) {
    let doing: Doing = { run: '?', operation: undefined, by: undefined, commit: undefined };
    for (const event of events) {
      if (event.type === 'run-started' || event.type === 'operation-started') doing = doingOf(event);
      if (event.type === 'run-started')
        for (const step of event.plan.steps) if (step.lastMs !== undefined) lastMs.set(step.node, step.lastMs);
      foldNode(nodes, event, lastMs);
      foldRelease(releases, refused, event, doing);
      foldSettled(settled, event);
      foldRollout(rollouts, event, serviceKey);
      if (event.type === 'approval-given') approvals.set(approvalKey(event.node, event.fingerprint), event);
    }
  }
  return { nodes, releases, refused, approvals, settled, rollouts };
}

function foldNode(nodes: Map<string, NodeHistory>, event: RunEvent, lastMs: ReadonlyMap<string, number>): void {
  switch (event.type) {
    case 'node-started': {
      const { fingerprint, parts } = event;
      // Interrupted until something says otherwise: a killed run writes no end.
      nodes.set(event.node, {
        lastMs: lastMs.get(event.node),
        madeFingerprint: undefined,
        ...nodes.get(event.node),
        fingerprint,
        parts,
        outcome: 'interrupted',
      });
      break;
    }
    case 'node-reused': {
      const { fingerprint, parts } = event;
      nodes.set(event.node, {
        lastMs: nodes.get(event.node)?.lastMs ?? lastMs.get(event.node),
        fingerprint,
        parts,
        outcome: 'done',
        madeFingerprint: fingerprint,
      });
      break;
    }
    case 'node-finished': {
      const { fingerprint, durationMs } = event;
      const parts = nodes.get(event.node)?.parts;
      nodes.set(event.node, { fingerprint, parts, outcome: 'done', lastMs: durationMs, madeFingerprint: fingerprint });
      break;
    }
    case 'node-failed': {
      const before = nodes.get(event.node);
      if (before) nodes.set(event.node, { ...before, outcome: before.outcome === 'interrupted' ? 'failed' : before.outcome });
      break;
    }
    default:
      break;
  }
}

function foldRelease(releases: Map<string, ReleaseEntry[]>, refused: Map<string, string>, event: RunEvent, doing: Doing): void {
  if (event.type === 'released' || event.type === 'rolled-back') {
    const key = serviceKey(event.release);
    const list = releases.get(key) ?? [];
    const { release, node, at } = event;
    list.push({
      release,
      node,
      at,
      run: doing.run,
      how: howLive(event, doing),
      by: doing.by ?? release.by,
      commit: doing.commit ?? release.commit,
    });
    releases.set(key, list);
    // What somebody deployed again by force is not refused any more.
    refused.delete(event.release.stamp);
  }
  if (event.type === 'release-refused') refused.set(event.stamp, event.why);
  if (event.type === 'service-forgotten') {
    for (const { release } of releases.get(serviceKey(event)) ?? []) refused.delete(release.stamp);
    releases.delete(serviceKey(event));
  }
}

function doingOf(event: Extract<RunEvent, { type: 'run-started' | 'operation-started' }>): Doing {
  return {
    run: event.run,
    operation: event.type === 'operation-started' ? event.operation : undefined,
    by: event.by,
    commit: event.commit,
  };
}

function howLive({ type }: RunEvent, { operation }: Doing): ReleaseEntry['how'] {
  if (type === 'rolled-back') return 'rolled-back';
  return operation === 'adopt' ? 'adopted' : 'released';
}

function foldSettled(settled: Map<string, Settled>, event: RunEvent): void {
  switch (event.type) {
    case 'release-intended':
      settled.set(serviceKey(event.release), {
        ...(settled.get(serviceKey(event.release)) ?? { release: undefined, live: undefined }),
        intended: event.release.stamp,
      });
      break;
    case 'released':
    case 'rolled-back':
      settled.set(serviceKey(event.release), { release: event.release, live: event.live?.settings, intended: undefined });
      break;
    case 'service-forgotten':
      settled.delete(serviceKey(event));
      break;
    case 'service-removed':
      for (const [key, { release }] of settled) if (release && isRemoved(release, event)) settled.delete(key);
      break;
    default:
      break;
  }
}
