import type { z } from 'zod';
import type { Artifact, ArtifactKind } from './artifact.ts';
import type { LazyPlace } from './place.ts';
import type { Log, ProcessRunner, PythonRunner } from './port.ts';
import type { KindIn, ManyKeys, OptionalKeys, SingleKeys, Slots } from './slot.ts';
import type { Strategy } from './strategy.ts';
import type { LiveService, Target } from './target.ts';

/** A promise of an artifact. Passing it to a stage is what draws the edge. */
export interface Ref<K extends ArtifactKind = ArtifactKind> {
  readonly kind: K;
  readonly node: StageNode;
}

/** One call of a stage in the configuration: a node of the graph. */
export interface StageNode {
  readonly stage: AnyStage;
  /** Slot → the ref it was given, or a list of refs for a slot made with `many`. */
  readonly inputs: Readonly<Record<string, Ref | readonly Ref[]>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly gates: readonly Gate[];
  readonly policy: RunPolicy;
  readonly place: LazyPlace;
  /** The files that the stage itself is defined in: its own, and those of whoever called a factory for it. The bytes of the user's enter the fingerprint. */
  readonly definedIn: () => readonly string[];
}

/** A condition on facts that are only known once `on` has been made. Data, so that a plan can show it; never part of a fingerprint. */
export type Gate =
  | { readonly gate: 'at-least' | 'at-most'; readonly on: Ref; readonly fact: string; readonly limit: number; readonly needing: Needing }
  | {
      readonly gate: 'drop-at-most';
      readonly before: Ref;
      readonly after: Ref;
      readonly fact: string;
      readonly limit: number;
      readonly needing: Needing;
    }
  | { readonly gate: 'all' | 'any'; readonly of: readonly Gate[] }
  | { readonly gate: 'code'; readonly on: Ref; readonly message: string; readonly holds: (facts: never) => boolean };

/** Facts that must reach a count before a verdict is given: `{ rows: 500 }`. Otherwise the verdict is "not enough data". */
export type Needing = Readonly<Record<string, number>>;

/** How the engine treats a node; no part of its fingerprint. */
export interface RunPolicy {
  readonly retries: Retries;
  readonly timeoutMs: number | undefined;
  readonly weight: Weight;
  /** Why somebody has to approve it before it is done; undefined: nobody has to. */
  readonly approval: string | undefined;
}

/** How often a stage is tried again after a failure; each pause is about twice the one before. */
export interface Retries {
  readonly times: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** What a node takes of the machine while it is at work. One that is heavier than the machine runs alone. */
export interface Weight {
  /** Cores; 1 unless said otherwise. */
  readonly cpu: number;
  /** 0 unless said otherwise: not counted. */
  readonly memoryBytes: number;
}

export type Shape = z.ZodRawShape;
export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
type Flat<T> = { [K in keyof T]: T[K] };

/** What every stage call takes beside its slots and options. */
export interface CommonOptions {
  readonly gates?: readonly Gate[];
  /** How often it is tried again after a failure, or that and the pauses in between. */
  readonly retries?: number | { readonly times: number; readonly firstPauseMs?: number; readonly longestPauseMs?: number };
  readonly timeoutMs?: number;
  /** What it takes of the machine: cores, and memory in bytes or as `'2GiB'`. Stages that together are heavier than the machine do not run at once. */
  readonly weight?: { readonly cpu?: number; readonly memory?: number | string };
  /** Done only after `modelflow approve`: true, or why. An approval counts for exactly what it was given for. */
  readonly approval?: boolean | string;
}

/** What the user passes: refs for the slots, plain values for the options. */
export type Given<I extends Slots, S extends Shape> = Flat<
  { readonly [K in SingleKeys<I>]: Ref<KindIn<I[K]>> } & { readonly [K in OptionalKeys<I>]?: Ref<KindIn<I[K]>> } & {
    readonly [K in ManyKeys<I>]: readonly Ref<KindIn<I[K]>>[];
  } & (keyof S extends never ? unknown : z.input<z.ZodObject<S>>) &
    CommonOptions
>;

/** An artifact in a slot; a union of kinds is a union of artifacts, told apart by `kind`. */
type ArtifactIn<K> = K extends ArtifactKind ? Artifact<K> : never;

export interface StageContext<I extends Slots = Slots, S extends Shape = Shape> {
  readonly inputs: { readonly [K in SingleKeys<I>]: ArtifactIn<KindIn<I[K]>> } & {
    readonly [K in OptionalKeys<I>]?: ArtifactIn<KindIn<I[K]>>;
  } & { readonly [K in ManyKeys<I>]: readonly ArtifactIn<KindIn<I[K]>>[] };
  /** The options after the schema; a `file()` or `folder()` is `{ source, path }` with an absolute path. */
  readonly options: z.output<z.ZodObject<S>>;
  /** An empty folder. Everything written here becomes the artifact. */
  readonly out: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly process: ProcessRunner;
  readonly python: PythonRunner;
  /** For a stage that deploys: what is live now that the rollout is done. */
  readonly live?: LiveService;
}

/** Is a result that speaks of the live world still true? */
export type Standing = { readonly holds: true } | { readonly holds: false; readonly why: string };

export interface StageDef<I extends Slots, S extends Shape, N extends string, F> {
  readonly name: string;
  /** Raise it when the same input would now give other bytes. */
  readonly version: number;
  readonly inputs: I;
  /** A zod shape; unknown keys are refused. `gates`, `retries`, `timeoutMs`, `weight` and `approval` are taken. */
  readonly options: S;
  readonly output: ArtifactKind<N, F>;
  /** Names of options that say how it is done and change nothing of what comes of it: they are in no fingerprint. */
  readonly manner?: readonly string[];
  /** Files whose bytes shape the result: Python scripts, requirement locks. Their digests enter the fingerprint. */
  readonly code?: readonly URL[];
  /** Versions of what else shapes the bytes under these options. Reads files at most: a plan starts nothing. Part of the fingerprint. */
  readonly tools?: (options: z.output<z.ZodObject<S>>) => Promise<Readonly<Record<string, string>>>;
  /** Read `inputs`, write into `out`, return the facts. The engine hashes, checks and commits. */
  run(ctx: StageContext<I, S>): Promise<F>;
  /** For a stage whose result speaks of the live world: asked before a reuse, and by `plan`. Changes nothing. */
  readonly verify?: (
    made: Artifact<ArtifactKind<N, F>>,
    ctx: Pick<StageContext<I, S>, 'inputs' | 'options' | 'signal' | 'log'>,
  ) => Promise<Standing>;
  /** For a stage that puts something into the world: where, and under which name. The engine does the rollout, and `run` then only writes down what came of it. */
  readonly deploys?: (options: z.output<z.ZodObject<S>>) => Placement;
}

/** A service on a target, and which slot holds what is deployed. */
export interface Placement {
  readonly target: Target;
  readonly service: string;
  readonly slot: string;
  /** How it takes over from what is live; rolling unless said otherwise. */
  readonly strategy?: Strategy;
}

/** A stage whose types have been forgotten; the engine only passes it inputs and options that its own schemas accepted. */
export type AnyStage = StageDef<Slots, Shape, string, unknown>;

export interface Stage<I extends Slots, S extends Shape, N extends string, F> {
  (given: Given<I, S>): Ref<ArtifactKind<N, F>>;
  readonly def: StageDef<I, S, N, F>;
}

export function isRef(value: unknown): value is Ref {
  return typeof value === 'object' && value !== null && 'kind' in value && 'node' in value;
}
