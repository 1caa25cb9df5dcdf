import type { AttestedImage } from './subject.ts';

/** Something that the image was made of. */
export interface Material {
  readonly uri: string;
  /** Algorithm → hex. */
  readonly digest: Readonly<Record<string, string>>;
}

/** Where a build took place. It differs from build to build of the very same image, so only what is attached in a registry tells it. */
export interface BuildPlace {
  readonly builder?: string;
  readonly invocation?: string;
  readonly source?: Material & { readonly isDirty: boolean };
}

export const provenanceType = 'https://slsa.dev/provenance/v1';
export const sbomPredicateType = 'https://cyclonedx.org/bom';
export const statementMediaType = 'application/vnd.in-toto+json';

/** An in-toto statement about the image. */
export function statementOf(image: AttestedImage, predicateType: string, predicate: unknown): unknown {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: image.name, digest: { sha256: image.digest.slice('sha256:'.length) } }],
    predicateType,
    predicate,
  };
}

/** The predicate of SLSA provenance 1: what the image was made of, and how. */
export function provenanceOf(given: {
  readonly options: Readonly<Record<string, unknown>>;
  readonly materials: readonly Material[];
  readonly tools: Readonly<Record<string, string>>;
  readonly place?: BuildPlace;
}): unknown {
  const { source, builder, invocation } = given.place ?? {};
  const { isDirty, ...commit } = source ?? {};
  return {
    buildDefinition: {
      buildType: 'urn:modelflow:containerize:1',
      externalParameters: given.options,
      internalParameters: source === undefined ? {} : { sourceHasChanges: isDirty },
      resolvedDependencies: [...given.materials, ...(source === undefined ? [] : [commit])],
    },
    runDetails: {
      builder: { id: builder ?? 'urn:modelflow', version: given.tools },
      ...(invocation === undefined ? {} : { metadata: { invocationId: invocation } }),
    },
  };
}
