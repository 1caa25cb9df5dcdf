import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Cause, FingerprintParts, Step } from '../spec/plan.ts';
import type { Graph } from './graph.ts';
import type { Lineage } from './lineage.ts';

/** A cause of the plan, or what can only be told with the history at hand. */
export type WhyCause =
  | Cause
  /** It is decided when this node has been made. */
  | { readonly why: 'waits-for'; readonly node: string }
  /** Another node fills the slot now. */
  | { readonly why: 'rewired'; readonly slot: string; readonly from: string; readonly to: string }
  /** All that decides the bytes was the same, and they came out otherwise. */
  | { readonly why: 'other-bytes' }
  /** A node before it was made again, and gave the same bytes. */
  | { readonly why: 'same-bytes'; readonly node: string; readonly run: string }
  /** A node that it needs failed. */
  | { readonly why: 'skipped-for'; readonly node: string };

/** A file as it was or is. The size of a module is not on record. */
export interface FileState {
  readonly sizeBytes: number | undefined;
  readonly sha256: string;
}

/** What can be shown for a cause. `before` or `after` undefined: there was none, or there is none. */
export type Evidence =
  | {
      readonly of: 'file';
      readonly path: string;
      readonly before: FileState | undefined;
      readonly after: FileState | undefined;
      /** Where the bytes of both are still there: counted from 0. */
      readonly firstDifferentByte?: number;
      readonly differentBytes?: number;
    }
  | { readonly of: 'package' | 'fact'; readonly path: string; readonly before: unknown; readonly after: unknown }
  | { readonly of: 'failure'; readonly diagnostics: readonly Diagnostic[] };

export interface Reason {
  readonly cause: WhyCause;
  /** The node whose account tells what is behind it. */
  readonly from?: string;
  readonly evidence: readonly Evidence[];
}

export type Fate =
  | 'will-run'
  | 'will-be-reused'
  | 'decided-later'
  | 'live-as-wanted'
  | 'held-back'
  | 'ran'
  | 'was-reused'
  | 'failed'
  | 'interrupted'
  | 'skipped'
  | 'not-known';

/** What becomes of a node, or became of it in a run, and why. */
export interface Account {
  readonly node: string;
  readonly stage: string | undefined;
  readonly fate: Fate;
  /** The run that it speaks of; undefined for what would happen now. */
  readonly run: string | undefined;
  readonly at: string | undefined;
  /** Where the configuration calls the stage: `deploy.config.ts:12`. */
  readonly place?: string;
  readonly reasons: readonly Reason[];
  /** For what is reused: when it was made, where that is still known. */
  readonly made?: { readonly run: string; readonly at: string; readonly durationMs: number | undefined };
  /** For what is reused: all that was compared. */
  readonly compared?: FingerprintParts;
}

/** What a reason stands on: enough to look for its evidence. */
export interface Ground {
  readonly node: string;
  readonly cause: WhyCause;
  readonly before: FingerprintParts | undefined;
  readonly now: FingerprintParts | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** All that an answer is drawn from. */
export interface WhyAsked {
  readonly graph: Graph;
  /** The plan's, by node. */
  readonly steps: ReadonlyMap<string, Step>;
  /** Of each node, without the inputs that are not made yet. */
  readonly parts: ReadonlyMap<string, FingerprintParts>;
  readonly lineage: Lineage;
  /** Looks at bytes; everything else is thought. */
  evidence(ground: Ground): Promise<readonly Evidence[]>;
}
