import type { Strategy } from './strategy.ts';
import type { Change } from './target.ts';
import type { Finding } from './verdict.ts';

/** Everything that decides the bytes of a node's result. Its digest is the fingerprint. */
export interface FingerprintParts {
  readonly format: number;
  readonly stage: string;
  readonly version: number;
  /** Code file → sha256. */
  readonly code: Readonly<Record<string, string>>;
  readonly tools: Readonly<Record<string, string>>;
  /** Options as plain JSON; sources are their digests. */
  readonly options: unknown;
  /** Slot → digest of the artifact, or of each in a list. */
  readonly inputs: Readonly<Record<string, string | readonly string[]>>;
}

/** Why a node has to run. */
export type Cause =
  | { readonly why: 'never-ran' | 'output-missing' | 'last-run-failed' | 'last-run-interrupted' | 'forced' }
  | { readonly why: 'input-changed'; readonly slot: string; readonly from: string | undefined; readonly to: string | undefined }
  | { readonly why: 'option-changed'; readonly path: string; readonly from: unknown; readonly to: unknown }
  | { readonly why: 'source-changed'; readonly path: string; readonly from: string; readonly to: string }
  | {
      readonly why: 'stage-changed' | 'code-changed' | 'tool-changed';
      readonly what: string;
      readonly from: string | undefined;
      readonly to: string | undefined;
    }
  | { readonly why: 'no-longer-true'; readonly text: string };

/** What a deployment would change in the world. */
export interface LiveChange {
  readonly target: string;
  readonly service: string;
  readonly action: 'none' | 'create' | 'replace' | 'repair' | 'held';
  readonly changes: readonly Change[];
  /** How the live world differs from what was released last: something else changed it. `before` is as released, `after` as it is now. */
  readonly drift: readonly Change[];
  readonly url: string | undefined;
  readonly token: string;
  /** In which steps it takes over; undefined where it does so at once. */
  readonly rollout?: PlannedRollout;
  /** Why the target could not be asked what it would change beside the settings. */
  readonly unasked?: string;
}

/** How a release would take over from the one that serves, as finely as the target can split. */
export interface PlannedRollout {
  readonly strategy: Strategy;
  readonly steps: readonly RolloutStep[];
  /** Where only replicas split the traffic: how many there are. */
  readonly replicas: number | undefined;
  /** One that has begun, and that a run goes on with, or gives up for another release. */
  readonly underway: RolloutUnderway | undefined;
}

/** One way of splitting the traffic; the last step gives the candidate everything. */
export interface RolloutStep {
  readonly weight: number;
  readonly mirror: number | undefined;
  /** As the strategy says it, where the target can only come near it. */
  readonly wanted?: number;
}

/** How far a rollout has come, and what is known of its candidate. */
export interface RolloutUnderway {
  readonly stamp: string;
  readonly from: string;
  readonly strategy: Strategy['strategy'];
  /** Counts from 0; undefined before the first. */
  readonly step: number | undefined;
  readonly weight: number;
  /** Going back: it was refused, and the release before has not got everything back yet. */
  readonly state: 'going' | 'paused' | 'going-back';
  /** Since it came to this step, or was paused; ISO 8601, UTC. */
  readonly since: string;
  readonly why: string | undefined;
  /** Answers of the candidate in all steps, and of them failures. */
  readonly answers: number;
  readonly failures: number;
  readonly findings: readonly Finding[];
}

export type Step = {
  readonly node: string;
  readonly stage: string;
  /** How long it took the last time, in milliseconds. */
  readonly lastMs: number | undefined;
  /** The nodes it waits for, by its inputs and gates. Plans of older versions do not have it. */
  readonly needs?: readonly string[];
} & (
  | { readonly do: 'reuse'; readonly digest: string; readonly fingerprint: string }
  | { readonly do: 'run'; readonly because: readonly Cause[]; readonly fingerprint: string; readonly live?: LiveChange }
  /** An input will be made first; if it comes out with the same bytes, this is reused, unless it is forced. */
  | { readonly do: 'decide-later'; readonly after: readonly string[]; readonly live?: LiveChange; readonly isForced?: true }
  /** A deployment that is live as wanted, or one that is held back because it was refused before. */
  | { readonly do: 'keep'; readonly digest: string | undefined; readonly fingerprint: string; readonly live: LiveChange }
);

export interface PlannedGate {
  /** The node that waits for it. */
  readonly node: string;
  readonly text: string;
  readonly verdict: 'pass' | 'fail' | 'not-enough-data' | 'decided-later';
  readonly detail: string;
}

/** What a policy of the configuration says of the plan, or of the facts of a node (`node`). */
export interface PlannedPolicy {
  readonly policy: string;
  readonly node: string | undefined;
  readonly verdict: 'pass' | 'warn' | 'refuse' | 'decided-later';
  readonly message: string;
}

/** A step that somebody has to approve before it is done. `decided-later`: not known yet whether, or what exactly. */
export interface PlannedApproval {
  readonly node: string;
  readonly why: string;
  readonly state: 'given' | 'needed' | 'decided-later';
  /** Of what is approved; nothing else is. */
  readonly fingerprint: string | undefined;
  /** Who approved it. */
  readonly by: string | undefined;
}

export interface Plan {
  readonly format: 2;
  readonly pipeline: string;
  readonly profile: string;
  readonly steps: readonly Step[];
  readonly gates: readonly PlannedGate[];
  readonly policies: readonly PlannedPolicy[];
  readonly approvals: readonly PlannedApproval[];
}

/** A service beside what was released last. No `released`: nothing was, or it was taken down. */
export interface ServiceDrift {
  readonly node: string;
  readonly target: string;
  readonly service: string;
  readonly url: string | undefined;
  readonly released: { readonly stamp: string; readonly by: string | undefined; readonly commit: string | undefined } | undefined;
  /** `before` as released, `after` as it is. */
  readonly changes: readonly Change[];
}

/** What somebody else has changed, service by service. */
export interface Drift {
  readonly pipeline: string;
  readonly profile: string;
  readonly services: readonly ServiceDrift[];
}
