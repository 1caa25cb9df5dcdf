import type { ArtifactKind, FactsOf } from './artifact.ts';
import type { Diagnostic } from './diagnostic.ts';
import { numericFactsOf } from './fact-names.ts';
import { nearest } from './nearest.ts';
import type { Gate, Needing, Ref } from './ref.ts';

/** Dotted paths to the numbers in a kind's facts, one level of nesting deep. */
export type NumericFact<K> = NumericKey<FactsOf<K>>;
type NumericKey<F> = F extends object
  ? {
      [P in keyof F & string]: NonNullable<F[P]> extends number
        ? P
        : NonNullable<F[P]> extends readonly unknown[]
          ? never
          : NonNullable<F[P]> extends object
            ? `${P}.${NumberIn<NonNullable<F[P]>>}`
            : never;
    }[keyof F & string]
  : never;
type NumberIn<F> = { [P in keyof F & string]: NonNullable<F[P]> extends number ? P : never }[keyof F & string];

/** The fact must be at least `limit`. */
export function atLeast<K extends ArtifactKind>(on: Ref<K>, fact: NumericFact<K>, limit: number, needing: Needing = {}): Gate {
  return { gate: 'at-least', on, fact, limit, needing };
}

/** The fact must be at most `limit`. */
export function atMost<K extends ArtifactKind>(on: Ref<K>, fact: NumericFact<K>, limit: number, needing: Needing = {}): Gate {
  return { gate: 'at-most', on, fact, limit, needing };
}

/** From `before` to `after` the fact may fall by at most `limit` (absolute: 0.005 is half a point of accuracy). */
export function dropAtMost<K extends ArtifactKind>(
  before: Ref<K>,
  after: Ref<K>,
  fact: NumericFact<K>,
  limit: number,
  needing: Needing = {},
): Gate {
  return { gate: 'drop-at-most', before, after, fact, limit, needing };
}

/** Every one of the gates must hold. */
export function all(...of: readonly Gate[]): Gate {
  return { gate: 'all', of };
}

/** At least one of the gates must hold. */
export function any(...of: readonly Gate[]): Gate {
  return { gate: 'any', of };
}

/** A condition in code, for what the others cannot say; the plan shows its message and marks it as code. */
export function must<K extends ArtifactKind>(on: Ref<K>, holds: (facts: FactsOf<K>) => boolean, message: string): Gate {
  // The callback is only ever called with the facts of `on`, whose kind typed it.
  return { gate: 'code', on, message, holds: holds as (facts: never) => boolean };
}

/** What is wrong with the gates of a call: type stripping checks none of it. */
export function gateProblems(stage: string, gates: unknown): readonly Diagnostic[] {
  const problem = (message: string): Diagnostic => ({
    code: 'MF1101',
    severity: 'error',
    message: `${stage}: option \`gates\`: ${message}`,
    hint: 'Pass a list of what atLeast, atMost, dropAtMost, all, any and must return.',
  });
  if (!Array.isArray(gates)) return [problem('a list is wanted')];
  return gates.flatMap((gate) => {
    const wrong = gateProblem(gate);
    return wrong === undefined ? factProblems(stage, gate as Gate) : [problem(wrong)];
  });
}

/** Names of facts that the kind can never have: found now, and not after an hour of training. */
function factProblems(stage: string, gate: Gate): readonly Diagnostic[] {
  if ('of' in gate) return gate.of.flatMap((each) => factProblems(stage, each));
  if (gate.gate === 'code') return [];
  const names = [gate.fact, ...Object.keys(gate.needing)];
  return gateRefs(gate).flatMap(({ kind }) => {
    const known = numericFactsOf(kind.facts);
    const strange = known ? names.filter((name) => !known.includes(name)) : [];
    return strange.map((name): Diagnostic => {
      const near = nearest(name, known ?? []);
      const hint = near ? `Did you mean \`${near}\`?` : `It can have ${known?.length ? known.join(', ') : 'no numbers'}.`;
      return { code: 'MF1108', severity: 'error', message: `${stage}: a gate asks for \`${name}\`, which no ${kind.name} has`, hint };
    });
  });
}

function gateProblem(gate: unknown): string | undefined {
  if (typeof gate !== 'object' || gate === null || !('gate' in gate)) return `${gate === null ? 'null' : `a ${typeof gate}`} is no gate`;
  const given = gate as Gate;
  switch (given.gate) {
    case 'at-least':
    case 'at-most':
      return refProblem('on', given.on) ?? numberProblem(given.fact, given.limit);
    case 'drop-at-most':
      return refProblem('before', given.before) ?? refProblem('after', given.after) ?? numberProblem(given.fact, given.limit);
    case 'all':
    case 'any':
      return given.of.length === 0 ? `\`${given.gate}\` of no gates says nothing` : given.of.map(gateProblem).find(Boolean);
    case 'code':
      return refProblem('on', given.on) ?? (typeof given.holds === 'function' ? undefined : 'the condition of `must` is no function');
    default:
      return `there is no gate \`${String((given as { readonly gate: unknown }).gate)}\``;
  }
}

function refProblem(name: string, ref: unknown): string | undefined {
  const isOne = typeof ref === 'object' && ref !== null && 'kind' in ref && 'node' in ref;
  return isOne ? undefined : `its \`${name}\` is ${ref === null ? 'null' : typeof ref}, and not the result of a stage`;
}

function numberProblem(fact: unknown, limit: unknown): string | undefined {
  if (typeof fact !== 'string' || fact === '') return 'the name of its fact is missing';
  return typeof limit === 'number' && Number.isFinite(limit) ? undefined : `its limit is ${String(limit)}, and not a number`;
}

/** The refs a gate waits for. */
export function gateRefs(gate: Gate): readonly Ref[] {
  switch (gate.gate) {
    case 'at-least':
    case 'at-most':
    case 'code':
      return [gate.on];
    case 'drop-at-most':
      return [gate.before, gate.after];
    case 'all':
    case 'any':
      return gate.of.flatMap(gateRefs);
  }
}
