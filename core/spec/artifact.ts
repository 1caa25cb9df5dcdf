import type { z } from 'zod';

/** How a fact is shown to a person: `percent` takes 0…1, `bytes` and `milliseconds` plain numbers in that unit. */
export type FactUnit = 'percent' | 'bytes' | 'milliseconds' | 'count' | 'number' | 'text';

/** A fact worth a column in the summary of a run. `fact` is a dotted path into the facts. */
export interface Headline {
  readonly fact: string;
  readonly label: string;
  readonly unit: FactUnit;
}

/** One kind of thing a stage can make: a folder of files, and checked facts about them. */
export interface ArtifactKind<Name extends string = string, Facts = unknown> {
  readonly name: Name;
  readonly facts: z.ZodType<Facts>;
  readonly headlines: readonly Headline[];
}

export type FactsOf<K> = K extends ArtifactKind<string, infer F> ? F : never;

/**
 * Name a kind of artifact and say which facts always come with it.
 * The name is what the compiler and the run-time check compare; the facts are checked by the schema on commit.
 */
export function defineArtifact<const Name extends string, Facts>(
  name: Name,
  facts: z.ZodType<Facts>,
  headlines: readonly Headline[] = [],
): ArtifactKind<Name, Facts> {
  return { name, facts, headlines };
}

/** An artifact that exists: its bytes are in the store under `digest`; `path` is a folder to read, never to write. */
export interface Artifact<K extends ArtifactKind = ArtifactKind> {
  readonly kind: K['name'];
  /** sha256 (hex) of the artifact's manifest: kind, facts, and the digest of each file. */
  readonly digest: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly facts: FactsOf<K>;
}
