import type { ArtifactKind, FactsOf } from './artifact.ts';
import { failure } from './diagnostic.ts';
import { placeOfCallTo } from './place.ts';
import type { Plan } from './plan.ts';
import type { Ref, StageNode } from './ref.ts';

/** What a policy has to say. Made with `warn` and `refuse`. */
export interface Finding {
  readonly finding: 'warn' | 'refuse';
  readonly message: string;
}

/** Nothing to say, one finding, or several. */
// biome-ignore lint/suspicious/noConfusingVoidType: a policy that says nothing may return nothing.
export type Findings = Finding | readonly (Finding | undefined)[] | undefined | void;

/** Shown with the plan and kept in the journal; the run goes on. */
export function warn(message: string): Finding {
  return { finding: 'warn', message };
}

/** Nothing is done that this speaks against. */
export function refuse(message: string): Finding {
  return { finding: 'refuse', message };
}

/** A node as the configuration has it: what a plan leaves out because it does not change. */
export interface PolicyNode {
  readonly node: string;
  readonly stage: string;
  /** Plain: a source is `{ source, path }`, a target `{ target, version, settings }`, a secret its name. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly gates: readonly string[];
  readonly approval: string | undefined;
}

export interface PlanGiven {
  readonly plan: Plan;
  /** In the order of the plan's steps. */
  readonly nodes: readonly PolicyNode[];
  readonly pipeline: string;
  readonly profile: string;
}

export interface FactsGiven<F> {
  readonly node: string;
  readonly profile: string;
  readonly facts: F;
  /** Of the same node at the last release, or at the last run that came to its end where nothing is deployed; undefined before that. */
  readonly last: F | undefined;
}

/** A rule in code about the plan, or about the facts of what was made. Part of no fingerprint. */
export type Policy =
  | { readonly policy: string; readonly on: 'plan'; readonly judge: (given: PlanGiven) => Findings }
  | {
      readonly policy: string;
      readonly on: 'facts';
      readonly isOf: (node: StageNode) => boolean;
      readonly judge: (given: FactsGiven<never>) => Findings;
    };

/** Whose facts: of one stage call, of all calls of a stage, or of all that make a kind. */
type Whose<K extends ArtifactKind> = Ref<K> | K | { readonly def: { readonly output: K } };

function onPlan(name: string, judge: (given: PlanGiven) => Findings): Policy {
  return { policy: name, on: 'plan', judge };
}

function onFacts<K extends ArtifactKind>(name: string, of: Whose<K>, judge: (given: FactsGiven<FactsOf<K>>) => Findings): Policy {
  if (!isWhoseFacts(of)) {
    const at = placeOfCallTo(onFacts)();
    // It would be a rule that is never broken: a misspelt `stages.name` is undefined.
    throw failure('MF1101', `policy.facts ${JSON.stringify(name)}: whose facts it judges is ${kindOf(of)}`, {
      hint: 'Pass one stage of `stages`, a stage function such as `evaluate`, or a kind of artifact.',
      ...(at ? { at } : {}),
    });
  }
  // The callback is only ever called with facts of the kind that typed it.
  return { policy: name, on: 'facts', isOf: (node) => isWhose(of, node), judge: judge as (given: FactsGiven<never>) => Findings };
}

function isWhose(of: Whose<ArtifactKind>, node: StageNode): boolean {
  if ('node' in of) return of.node === node;
  if ('def' in of) return (of.def as unknown) === node.stage;
  return of.name === node.stage.output.name;
}

/** What type stripping does not check. */
function isWhoseFacts(of: unknown): of is Whose<ArtifactKind> {
  if ((typeof of !== 'object' && typeof of !== 'function') || of === null) return false;
  return 'node' in of || 'def' in of || ('facts' in of && 'name' in of);
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return typeof value === 'object' ? 'no stage and no kind' : `a ${typeof value}`;
}

/** A rule about the plan, judged before anything is done; `policy.facts` is one about facts, judged as soon as they are known. */
export const policy = Object.assign(onPlan, { facts: onFacts });

/** What type stripping does not check. */
export function isPolicy(value: unknown): value is Policy {
  return typeof value === 'object' && value !== null && 'policy' in value && 'judge' in value && typeof value.judge === 'function';
}
