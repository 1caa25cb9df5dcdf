import type { ArtifactKind } from './artifact.ts';

/** Either kind fits; with an empty list any kind does. */
type OneOf = ArtifactKind | readonly ArtifactKind[];

export interface Optional<S extends OneOf = OneOf> {
  readonly optional: S;
}

export interface Many<S extends OneOf = OneOf> {
  readonly many: S;
}

/** What a stage takes under one name: a kind, one of several kinds, perhaps nothing, or a list. */
export type AnySlot = OneOf | Optional | Many;
export type Slots = Readonly<Record<string, AnySlot>>;

export function optional<const S extends OneOf>(slot: S): Optional<S> {
  return { optional: slot };
}

/** A list of artifacts, in the order given. */
export function many<const S extends OneOf>(slot: S): Many<S> {
  return { many: slot };
}

export type KindIn<S> = S extends ArtifactKind
  ? S
  : S extends readonly (infer K extends ArtifactKind)[]
    ? K
    : S extends Optional<infer I>
      ? KindIn<I>
      : S extends Many<infer I>
        ? KindIn<I>
        : never;

export type OptionalKeys<I extends Slots> = { [K in keyof I]: I[K] extends Optional ? K : never }[keyof I];
export type ManyKeys<I extends Slots> = { [K in keyof I]: I[K] extends Many ? K : never }[keyof I];
export type SingleKeys<I extends Slots> = Exclude<keyof I, OptionalKeys<I> | ManyKeys<I>>;

export function kindsOf(slot: AnySlot): readonly ArtifactKind[] {
  if ('optional' in slot) return kindsOf(slot.optional);
  if ('many' in slot) return kindsOf(slot.many);
  return isList(slot) ? slot : [slot];
}

function isList(slot: OneOf): slot is readonly ArtifactKind[] {
  return Array.isArray(slot);
}
