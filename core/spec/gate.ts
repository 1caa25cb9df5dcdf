import type { ArtifactKind, FactsOf } from './artifact.ts';
import type { Gate, Needing, Ref } from './stage.ts';

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
