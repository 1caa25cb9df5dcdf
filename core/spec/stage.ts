import { z } from 'zod';
import type { ArtifactKind } from './artifact.ts';
import type { Diagnostic } from './diagnostic.ts';
import { ModelflowError } from './diagnostic.ts';
import { gateProblems } from './gate.ts';
import { parseAt } from './options.ts';
import { filesOfCallTo, type LazyPlace, placeOfCallTo } from './place.ts';
import { commonOptions, type ParsedCommon, policyOf } from './policy.ts';
import {
  type AnyStage,
  type DeepReadonly,
  type Gate,
  type Given,
  isRef,
  type Ref,
  type Shape,
  type Stage,
  type StageContext,
  type StageDef,
  type StageNode,
} from './ref.ts';
import { type AnySlot, kindsOf, type Slots } from './slot.ts';

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

/** Make a stage: a function from refs and options to the ref of what it will make. Calling it runs nothing. */
export function defineStage<const I extends Slots, S extends Shape, N extends string, F, const R extends DeepReadonly<F>>(
  def: Omit<StageDef<I, S, N, F>, 'run'> & { run(ctx: StageContext<I, S>): Promise<R> },
): Stage<I, S, N, F> {
  // One widening: a stage's `run` may promise narrower, readonly facts. They are parsed before they become `F`.
  const definedIn = filesOfCallTo(defineStage);
  const full = def as unknown as StageDef<I, S, N, F>;
  const schema = z.strictObject({ ...def.options, ...commonOptions } as Shape);
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
    const { retries, timeoutMs, weight, approval, ...options } = parsed as ParsedCommon;
    const placement = full.deploys?.(options as z.output<z.ZodObject<S>>);
    const misfit =
      placement && slotProblem(`target ${placement.target.target}`, placement.slot, placement.target.runs, inputs[placement.slot]);
    if (misfit) throw new ModelflowError({ ...misfit, ...at(place) });
    const node = {
      stage: full as unknown as AnyStage,
      inputs,
      options,
      gates,
      policy: policyOf({ retries, timeoutMs, weight, approval }),
      place,
      definedIn,
    };
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
