import { z } from 'zod';
import type { Artifact, ArtifactKind } from './artifact.ts';
import type { Diagnostic } from './diagnostic.ts';
import { ModelflowError } from './diagnostic.ts';
import { gateProblems } from './gate.ts';
import { parseAt } from './options.ts';
import { type LazyPlace, placeOfCallTo } from './place.ts';
import type { Log, ProcessRunner, PythonRunner } from './port.ts';
import { type AnySlot, type KindIn, kindsOf, type ManyKeys, type OptionalKeys, type SingleKeys, type Slots } from './slot.ts';
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
  /** Where the stage itself is defined: when that is the user's code, its bytes enter the fingerprint. */
  readonly definedAt: LazyPlace;
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
  /** How often it is tried again after a failure, with growing pauses. */
  readonly retries: number;
  readonly timeoutMs: number | undefined;
}

type Shape = z.ZodRawShape;
type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
type Flat<T> = { [K in keyof T]: T[K] };

/** What every stage call takes beside its slots and options. */
export interface CommonOptions {
  readonly gates?: readonly Gate[];
  readonly retries?: number;
  readonly timeoutMs?: number;
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
  /** A zod shape; unknown keys are refused. `gates`, `retries` and `timeoutMs` are taken. */
  readonly options: S;
  readonly output: ArtifactKind<N, F>;
  /** Files whose bytes shape the result: Python scripts, requirement locks. Their digests enter the fingerprint. */
  readonly code?: readonly URL[];
  /** Versions of what else shapes the bytes. Reads files at most: a plan starts nothing. Part of the fingerprint. */
  readonly tools?: () => Promise<Readonly<Record<string, string>>>;
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
}

/** A stage whose types have been forgotten; the engine only passes it inputs and options that its own schemas accepted. */
export type AnyStage = StageDef<Slots, Shape, string, unknown>;

export interface Stage<I extends Slots, S extends Shape, N extends string, F> {
  (given: Given<I, S>): Ref<ArtifactKind<N, F>>;
  readonly def: StageDef<I, S, N, F>;
}

/** Who hears of stage calls right now. Only for the warning about a stage that leads nowhere (MF1104); nothing else may read it. */
let listening: StageNode[] | undefined;

/** Runs `act`, which must not be asynchronous, and says which stages were called in it, in order. */
export function collectNodes<T>(act: () => T): { readonly result: T; readonly nodes: readonly StageNode[] } {
  const outer = listening;
  const nodes: StageNode[] = [];
  listening = nodes;
  try {
    return { result: act(), nodes };
  } finally {
    listening = outer;
  }
}

const common = {
  retries: z.int().min(0).max(20).default(0),
  timeoutMs: z.int().positive().optional(),
};

/** Make a stage: a function from refs and options to the ref of what it will make. Calling it runs nothing. */
export function defineStage<const I extends Slots, S extends Shape, N extends string, F, const R extends DeepReadonly<F>>(
  def: Omit<StageDef<I, S, N, F>, 'run'> & { run(ctx: StageContext<I, S>): Promise<R> },
): Stage<I, S, N, F> {
  // One widening: a stage's `run` may promise narrower, readonly facts. They are parsed before they become `F`.
  const definedAt = placeOfCallTo(defineStage);
  const full = def as unknown as StageDef<I, S, N, F>;
  const schema = z.strictObject({ ...def.options, ...common } as Shape);
  const slots: readonly (readonly [string, AnySlot])[] = Object.entries(def.inputs);
  const call = (given: Given<I, S>): Ref<ArtifactKind<N, F>> => {
    const place = placeOfCallTo(call);
    const bag = { ...(given as Readonly<Record<string, unknown>>) };
    const inputs: Record<string, Ref | readonly Ref[]> = {};
    const problems: Diagnostic[] = [];
    for (const [name, slot] of slots) {
      const value = bag[name];
      delete bag[name];
      const problem = slotProblem(def.name, name, slot, value);
      if (problem) problems.push({ ...problem, ...at(place) });
      else if (value !== undefined) inputs[name] = value as Ref | readonly Ref[];
    }
    const gates = bag['gates'] === undefined ? [] : (bag['gates'] as readonly Gate[]);
    delete bag['gates'];
    problems.push(...gateProblems(def.name, gates).map((problem) => ({ ...problem, ...at(place) })));
    const parsed = collecting(problems, () => parseAt(def.name, schema, bag, place));
    if (problems.length > 0) throw new ModelflowError(problems);
    const { retries, timeoutMs, ...options } = parsed as { retries: number; timeoutMs?: number };
    const placement = full.deploys?.(options as z.output<z.ZodObject<S>>);
    const misfit =
      placement && slotProblem(`target ${placement.target.target}`, placement.slot, placement.target.runs, inputs[placement.slot]);
    if (misfit) throw new ModelflowError({ ...misfit, ...at(place) });
    const node = { stage: full as unknown as AnyStage, inputs, options, gates, policy: { retries, timeoutMs }, place, definedAt };
    listening?.push(node);
    return { kind: def.output, node };
  };
  return Object.assign(call, { def: full });
}

function at(place: LazyPlace): Pick<Diagnostic, 'at'> {
  const found = place();
  return found ? { at: found } : {};
}

function collecting<T>(problems: Diagnostic[], act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof ModelflowError)) throw error;
    problems.push(...error.diagnostics);
    return undefined;
  }
}

/** Type stripping checks nothing, so what the compiler would have said is said again here. */
function slotProblem(stage: string, name: string, slot: AnySlot, value: unknown): Diagnostic | undefined {
  const kinds = kindsOf(slot).map((kind) => kind.name);
  const wants = kinds.length > 0 ? kinds.join(' or ') : 'artifact';
  if (value === undefined) {
    if ('optional' in slot) return undefined;
    return {
      code: 'MF1105',
      severity: 'error',
      message: `${stage}: input \`${name}\` is missing`,
      hint: `Pass the result of a stage that makes ${wants}.`,
    };
  }
  const list = 'many' in slot ? value : [value];
  if (!Array.isArray(list))
    return {
      code: 'MF1103',
      severity: 'error',
      message: `${stage}: input \`${name}\` takes a list`,
      hint: `Write \`${name}: [a, b]\`, each a ${wants}.`,
    };
  // No kinds: any will do, such as for what a target runs, which is checked against the target's own list.
  const wrong = list.find((item) => !isRef(item) || (kinds.length > 0 && !kinds.includes(item.kind.name))) as unknown;
  if (wrong === undefined) return undefined;
  const came = isRef(wrong) ? `a ${wrong.kind.name}` : typeof wrong;
  return {
    code: 'MF1103',
    severity: 'error',
    message: `${stage}: input \`${name}\` takes ${wants}, and was given ${came}`,
    hint: `Pass the result of a stage that makes ${wants}.`,
  };
}

export function isRef(value: unknown): value is Ref {
  return typeof value === 'object' && value !== null && 'kind' in value && 'node' in value;
}
