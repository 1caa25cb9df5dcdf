import type { Diagnostic } from './diagnostic.ts';
import type { FingerprintParts, Plan } from './plan.ts';
import type { Strategy } from './strategy.ts';
import type { LiveService } from './target.ts';
import type { TrafficReport } from './traffic.ts';
import type { Phase, Verdict } from './verdict.ts';

/** What a deployment wants, as plain data: enough to put it back later. */
export interface ReleaseRecord {
  readonly target: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly service: string;
  readonly stamp: string;
  /** Digest of the artifact that is deployed. */
  readonly what: string;
  /** Who, from which commit; undefined where it cannot be told. */
  readonly by: string | undefined;
  readonly commit: string | undefined;
  /** Of the plan that it was released by. */
  readonly planDigest?: string | undefined;
}

export type RunOutcome = 'ok' | 'failed' | 'refused' | 'approval-pending' | 'rolled-back' | 'paused' | 'stopped';

type Event =
  | {
      readonly type: 'run-started';
      readonly run: string;
      readonly pipeline: string;
      readonly profile: string;
      readonly modelflow: string;
      readonly plan: Plan;
      /** Of the plan, or of the reviewed file that is applied. */
      readonly planDigest?: string;
      /** Who began it, from which commit; undefined where it cannot be told. */
      readonly by?: string | undefined;
      readonly commit?: string | undefined;
    }
  /** Something done beside a run: `rollback`, `down`. */
  | {
      readonly type: 'operation-started';
      readonly run: string;
      readonly pipeline: string;
      readonly profile: string;
      readonly modelflow: string;
      readonly operation: string;
      readonly by?: string | undefined;
      readonly commit?: string | undefined;
    }
  | {
      readonly type: 'node-started';
      readonly node: string;
      readonly stage: string;
      readonly attempt: number;
      readonly fingerprint: string;
      readonly parts: FingerprintParts;
    }
  | { readonly type: 'node-output'; readonly node: string; readonly level: 'info' | 'warn'; readonly line: string }
  | { readonly type: 'node-progress'; readonly node: string; readonly fraction: number | undefined; readonly doing: string }
  | {
      readonly type: 'node-reused';
      readonly node: string;
      readonly fingerprint: string;
      readonly parts: FingerprintParts;
      readonly digest: string;
      readonly facts: unknown;
    }
  | {
      readonly type: 'node-finished';
      readonly node: string;
      readonly fingerprint: string;
      readonly digest: string;
      readonly facts: unknown;
      readonly sizeBytes: number;
      readonly durationMs: number;
    }
  | {
      readonly type: 'node-retried';
      readonly node: string;
      readonly attempt: number;
      readonly pauseMs: number;
      readonly diagnostic: Diagnostic;
    }
  | { readonly type: 'node-failed'; readonly node: string; readonly diagnostics: readonly Diagnostic[] }
  /** `because`: the failed nodes it needs; none when it was merely not begun any more. */
  | { readonly type: 'node-skipped'; readonly node: string; readonly because: readonly string[] }
  | {
      readonly type: 'gate-judged';
      readonly node: string;
      readonly text: string;
      readonly verdict: 'pass' | 'fail' | 'not-enough-data';
      readonly detail: string;
    }
  /** `node` undefined: of the plan as a whole. */
  | {
      readonly type: 'policy-judged';
      readonly policy: string;
      readonly node: string | undefined;
      readonly verdict: 'pass' | 'warn' | 'refuse';
      readonly message: string;
    }
  /** The node is not begun before somebody approves exactly this. */
  | { readonly type: 'approval-needed'; readonly node: string; readonly fingerprint: string; readonly why: string }
  | {
      readonly type: 'approval-given';
      readonly node: string;
      readonly fingerprint: string;
      readonly planDigest: string | undefined;
      readonly by: string | undefined;
      readonly commit: string | undefined;
    }
  | { readonly type: 'child-started'; readonly node: string; readonly pid: number; readonly startedAt: string; readonly mark?: string }
  /** Durable before the world is touched. */
  | { readonly type: 'release-intended'; readonly node: string; readonly release: ReleaseRecord }
  | { readonly type: 'released'; readonly node: string; readonly release: ReleaseRecord; readonly live: LiveService }
  /** `stamp` is not deployed again without --force. */
  | { readonly type: 'release-refused'; readonly node: string; readonly service: string; readonly stamp: string; readonly why: string }
  | {
      readonly type: 'rolled-back';
      readonly node: string;
      readonly service: string;
      readonly from: string | undefined;
      readonly release: ReleaseRecord;
      /** What is live then. */
      readonly live?: LiveService;
    }
  /** A candidate begins to take over; `from` is the stamp of the release that serves. */
  | {
      readonly type: 'rollout-began';
      readonly node: string;
      readonly release: ReleaseRecord;
      readonly from: string;
      readonly strategy: Strategy;
    }
  /** Durable before the traffic is moved. `step` counts from 0; the last one gives the candidate everything. */
  | {
      readonly type: 'rollout-step';
      readonly node: string;
      readonly target: string;
      readonly service: string;
      readonly stamp: string;
      readonly step: number;
      readonly weight: number;
      readonly mirror: number | undefined;
    }
  /** What both were seen to answer since the step began, and what follows from it and from the steps before. */
  | {
      readonly type: 'rollout-judged';
      readonly node: string;
      readonly target: string;
      readonly service: string;
      readonly stamp: string;
      readonly step: number;
      readonly phase: Phase;
      readonly verdict: Verdict;
      /** The counters as they stood: whoever goes on with the rollout counts from there. */
      readonly traffic: TrafficReport;
    }
  /** Somebody wants it finished, or undone, before its time. */
  | {
      readonly type: 'rollout-asked';
      readonly node: string;
      readonly target: string;
      readonly service: string;
      readonly stamp: string;
      readonly what: 'promote' | 'abort';
      readonly by: string | undefined;
    }
  | {
      readonly type: 'rollout-ended';
      readonly node: string;
      readonly target: string;
      readonly service: string;
      readonly stamp: string;
      /** `given-up`: another release is wanted by now, or the target could not do it; it is not refused. */
      readonly outcome: 'promoted' | 'rolled-back' | 'paused' | 'given-up';
      readonly why: string;
    }
  /** What is known of its releases counts no more; the world was not touched. */
  | { readonly type: 'service-forgotten'; readonly node: string; readonly target: string; readonly service: string }
  | { readonly type: 'service-removed'; readonly node: string; readonly target?: string; readonly service: string }
  | { readonly type: 'artifact-quarantined'; readonly digest: string; readonly why: string }
  | { readonly type: 'run-ended'; readonly outcome: RunOutcome; readonly durationMs: number };

/** `seq` counts from 0 without a gap; `at` is ISO 8601 in UTC. */
export interface Stamp {
  readonly seq: number;
  readonly at: string;
}

/** What the engine wants written. */
export type NewEvent = Event;
/** One line of a run's journal. */
export type RunEvent = Event & Stamp;

/** Of a run however old: what they say of the world, and of what may be done to it, counts for good. */
export const lastingEvents: ReadonlySet<RunEvent['type']> = new Set([
  'release-intended',
  'released',
  'release-refused',
  'rolled-back',
  'service-removed',
  'service-forgotten',
  'approval-given',
  'rollout-began',
  'rollout-step',
  'rollout-judged',
  'rollout-asked',
  'rollout-ended',
]);
