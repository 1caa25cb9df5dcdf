/** What a manifest or an index says of something that has a digest. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

/** A manifest of an image or an artifact, or an index of such; what is missing tells which. */
export interface Document {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';
/** All that a registry may answer with. */
export const acceptedTypes = [
  manifestType,
  indexType,
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

export function isIndex({ mediaType, manifests }: Document): boolean {
  return manifests !== undefined || mediaType === indexType;
}

/** Windows' base layers stay where their makers put them. */
export function isElsewhere({ mediaType }: Descriptor): boolean {
  return mediaType.includes('foreign') || mediaType.includes('nondistributable');
}
