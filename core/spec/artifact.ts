import type { z } from 'zod';

/** How a fact is shown to a person: `percent` takes 0…1, `bytes` and `milliseconds` plain numbers in that unit. */
export type FactUnit = 'percent' | 'bytes' | 'milliseconds' | 'count' | 'number' | 'text';

/** A fact worth a column in the summary of a run. `fact` is a dotted path into the facts. */
export interface Headline {
  readonly fact: string;
  readonly label: string;
  readonly unit: FactUnit;
  /** Which way is good. Without it a change is neither good nor bad. */
  readonly better?: 'higher' | 'lower';
}

/** A picture of what a stage made, for the page of a run. `file` is a JSON file in the artifact, `at` a dotted path in it. */
export type Chart =
  /** Facts of all artifacts of the kind against each other: what is gained for what it costs. Each fact is one of the headlines. */
  | { readonly chart: 'trade-off'; readonly title: string; readonly across: string; readonly up: string; readonly area?: string }
  /** `{ labels: string[], counts: number[][], rows?: string, columns?: string }`: how often each row label met each column label. */
  | { readonly chart: 'matrix'; readonly title: string; readonly file: string; readonly at: string }
  /** A list of objects; `fact` of a column is a dotted path in each of them. */
  | { readonly chart: 'table'; readonly title: string; readonly file: string; readonly at: string; readonly columns: readonly Headline[] };

/** One kind of thing a stage can make: a folder of files, and checked facts about them. */
export interface ArtifactKind<Name extends string = string, Facts = unknown> {
  readonly name: Name;
  readonly facts: z.ZodType<Facts>;
  readonly headlines: readonly Headline[];
  readonly charts: readonly Chart[];
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
  charts: readonly Chart[] = [],
): ArtifactKind<Name, Facts> {
  return { name, facts, headlines, charts };
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
