import type { Diagnostic } from '../spec/diagnostic.ts';
import type { RunEvent } from '../spec/event.ts';
import type { FingerprintParts } from '../spec/plan.ts';

/** `held`: a deployment that was refused before and is not tried. `stopped`: it was at work when the run ended. `unapproved`: somebody has to approve it first. `paused`: its rollout waits for somebody's decision. */
export type NodeState =
  | 'waiting'
  | 'running'
  | 'retrying'
  | 'done'
  | 'reused'
  | 'failed'
  | 'skipped'
  | 'held'
  | 'stopped'
  | 'unapproved'
  | 'paused';

/** One try of a node. */
export interface AttemptView {
  readonly attempt: number;
  readonly startedAt: string;
  /** Undefined while it is at work, and when nobody wrote down its end. */
  readonly endedAt: string | undefined;
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
}

/** What is known of a node. Times are ISO 8601, UTC. */
export interface NodeView {
  readonly node: string;
  readonly stage: string;
  readonly state: NodeState;
  /** How long it took the last time, in milliseconds. */
  readonly lastMs: number | undefined;
  /** Counts from 1; 0 before the first. */
  readonly attempt: number;
  readonly startedAt: string | undefined;
  readonly durationMs: number | undefined;
  readonly doing: string | undefined;
  /** 0…1. */
  readonly fraction: number | undefined;
  /** When it came to its end: made, reused, failed or skipped. */
  readonly endedAt: string | undefined;
  readonly attempts: readonly AttemptView[];
  /** What it was made of; undefined until it is begun. */
  readonly parts: FingerprintParts | undefined;
  readonly digest: string | undefined;
  readonly facts: unknown;
  readonly sizeBytes: number | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The nodes whose failure it was skipped for. */
  readonly because: readonly string[];
  /** The last lines it wrote, oldest first. */
  readonly output: readonly { readonly level: 'info' | 'warn'; readonly line: string }[];
}

const keptLines = 20;

/** A node of which nothing has been heard. */
export function newNode(node: string, stage: string): NodeView {
  return {
    node,
    stage,
    state: 'waiting',
    lastMs: undefined,
    attempt: 0,
    startedAt: undefined,
    durationMs: undefined,
    doing: undefined,
    fraction: undefined,
    endedAt: undefined,
    attempts: [],
    parts: undefined,
    digest: undefined,
    facts: undefined,
    sizeBytes: undefined,
    diagnostics: [],
    because: [],
    output: [],
  };
}

/** What an event says of a node, of which `before` is known; nothing when it speaks of something else. */
export function nodeChange(before: NodeView | undefined, event: RunEvent): (Partial<NodeView> & Pick<NodeView, 'node'>) | undefined {
  switch (event.type) {
    case 'node-started': {
      const { node, stage, attempt, parts } = event;
      const attempts = [...(before?.attempts ?? []), { attempt, startedAt: event.at, endedAt: undefined, state: 'running' as const }];
      return { node, stage, attempt, parts, attempts, state: 'running', startedAt: event.at, doing: undefined, fraction: undefined };
    }
    case 'node-progress':
      return { node: event.node, doing: event.doing, fraction: event.fraction };
    case 'node-output': {
      const said = before?.output ?? [];
      return { node: event.node, output: [...said.slice(1 - keptLines), { level: event.level, line: event.line }] };
    }
    case 'node-retried':
      return {
        node: event.node,
        state: 'retrying',
        attempts: endAttempt(before, 'failed', event.at),
        doing: undefined,
        fraction: undefined,
      };
    case 'node-reused': {
      const { node, digest, facts, parts } = event;
      return { node, state: 'reused', digest, facts, parts, endedAt: event.at };
    }
    case 'node-finished': {
      const { node, digest, facts, sizeBytes, durationMs } = event;
      const attempts = endAttempt(before, 'done', event.at);
      const ended = { endedAt: event.at, attempts, doing: undefined, fraction: undefined };
      return { node, state: 'done', digest, facts, sizeBytes, durationMs, ...ended };
    }
    case 'node-failed': {
      const startedAt = before?.startedAt;
      const durationMs = startedAt === undefined ? undefined : Date.parse(event.at) - Date.parse(startedAt);
      const attempts = endAttempt(before, 'failed', event.at);
      const ended = { endedAt: event.at, attempts, doing: undefined, fraction: undefined };
      return { node: event.node, state: 'failed', diagnostics: event.diagnostics, durationMs, ...ended };
    }
    case 'rollout-step':
      return { node: event.node, doing: `${event.weight} % of the requests`, fraction: undefined };
    case 'rollout-judged': {
      const { candidate, compared, share } = event.phase;
      const copies = compared === 0 ? '' : `, ${compared} copies compared`;
      return {
        node: event.node,
        doing: `${Math.round(share * 100)} % of the requests, ${candidate.requests} answers${copies}`,
        fraction: undefined,
      };
    }
    case 'rollout-ended':
      if (event.outcome !== 'paused') return undefined;
      return { node: event.node, state: 'paused', attempts: endAttempt(before, 'stopped', event.at), doing: undefined };
    case 'approval-needed':
      return { node: event.node, state: 'unapproved' };
    case 'node-skipped':
      return { node: event.node, state: 'skipped', because: event.because, endedAt: event.at };
    default:
      return undefined;
  }
}

/** The attempt that is at work, if any, comes to its end. */
export function endAttempt(node: NodeView | undefined, state: 'done' | 'failed' | 'stopped', at: string): readonly AttemptView[] {
  return (node?.attempts ?? []).map((each) => (each.state === 'running' ? { ...each, state, endedAt: at } : each));
}
