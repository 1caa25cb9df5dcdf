import type { GraphNode } from '../plan/graph.ts';
import type { History } from '../plan/history.ts';
import type { Inputs, PlanPorts } from '../plan/plan.ts';
import type { NewEvent } from '../spec/event.ts';
import type { Journal, Reporter } from '../spec/journal.ts';
import type { FingerprintParts } from '../spec/plan.ts';
import type { ArtifactStore, Clock, Log, ResultCache } from '../spec/port.ts';
import type { RolloutRequests } from '../spec/rollout-request.ts';
import type { LiveService, Target, TargetContext } from '../spec/target.ts';

/** An attempt of a stage: an empty folder of its own, in which an orphan can do no harm. */
export interface Attempt {
  /** What the stage writes into; the store takes it over on commit. */
  readonly out: string;
  remove(): void;
}

/** Where a release comes from, for the record. */
export interface Origin {
  readonly by: string | undefined;
  readonly commit: string | undefined;
  /** Of the plan that is carried out; undefined for what is done beside a run. */
  readonly planDigest?: string | undefined;
}

/** The right to change one service, while others may change other ones. */
export interface Held {
  /** What is known of its releases now that nobody else can add to it. */
  readonly past: History;
  /** Fails when the right was lost in the meantime: called right before the world is touched. */
  check(): Promise<void>;
  release(): Promise<void>;
}

/** One attempt of a stage, ready to be done. */
export interface StageWork {
  readonly node: GraphNode;
  readonly parts: FingerprintParts;
  /** Every byte of these was just compared with its digest. */
  readonly inputs: Inputs;
  readonly out: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** For a stage that deploys: what is live now that the rollout is done. */
  readonly live: LiveService | undefined;
}

/** Writes an event to the journal, then tells the reporters. */
export type Emit = (event: NewEvent) => Promise<void>;

/** The outside, as the engine sees it. */
export interface EnginePorts extends PlanPorts {
  readonly artifacts: ArtifactStore;
  readonly results: ResultCache;
  readonly journal: Journal;
  readonly reporters: readonly Reporter[];
  readonly clock: Clock;
  readonly past: History;
  readonly origin: Origin;
  /** What somebody asks of a rollout while it is run. */
  readonly requests: RolloutRequests;
  attempt(node: string, attempt: number): Attempt;
  /** Options as the stage gets them: sources with absolute paths. */
  options(node: GraphNode): Readonly<Record<string, unknown>>;
  /** Fails with MF3003 when a source of the node no longer has the bytes that stand in `parts`. */
  sourcesUnchanged(node: GraphNode, parts: FingerprintParts): Promise<void>;
  /**
   * Runs the stage, and answers with its facts: JSON that fits the kind of its output. Whatever the stage does, this process lives on;
   * when the signal aborts, what the stage has started is ended before this rejects.
   */
  runStage(work: StageWork): Promise<unknown>;
  targetContext(target: Pick<Target, 'settings'>, signal: AbortSignal, log: Log): TargetContext;
  /** Waits for whoever changes the service now. Fails when the others cannot be asked: deploying all the same could deploy twice. */
  hold(target: string, service: string, signal: AbortSignal, log: Log): Promise<Held>;
  /** 0 (inclusive) to 1 (exclusive): spreads retries. */
  random(): number;
}
