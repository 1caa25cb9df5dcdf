import type { RemotePart } from '../../spec/remote.ts';

/** What an OCI manifest says of one blob. */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface OciManifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly artifactType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const keyNote = 'dev.modelflow.key';
const inlineNote = 'dev.modelflow.inline';
const removedNote = 'dev.modelflow.removed';

/** `{}`: what the specification puts where nothing is to be said. */
export const emptyConfig: Descriptor = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
};

/** The key is in it, so that no two keys share a manifest: deleting one by its digest must not delete the other. */
export function manifestOf(given: { readonly key: string; readonly layers: readonly RemotePart[]; readonly inline?: Buffer }): OciManifest {
  const { key, layers, inline } = given;
  return {
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: key.startsWith('artifacts/') ? 'application/vnd.modelflow.artifact.v1' : 'application/vnd.modelflow.record.v1',
    config: emptyConfig,
    layers: layers.length === 0 ? [emptyConfig] : layers.map(layerOf),
    annotations: { [keyNote]: key, ...(inline ? { [inlineNote]: inline.toString('base64') } : {}) },
  };
}

export function removedManifest(key: string): OciManifest {
  const manifest = manifestOf({ key, layers: [] });
  return { ...manifest, annotations: { ...manifest.annotations, [removedNote]: 'true' } };
}

export function isRemoved({ annotations }: Partial<OciManifest>): boolean {
  return annotations?.[removedNote] === 'true';
}

export function inlineBytes({ annotations }: Partial<OciManifest>): Buffer | undefined {
  const text = annotations?.[inlineNote];
  return text === undefined ? undefined : Buffer.from(text, 'base64');
}

const weights = /\.(onnx|keras|h5|pt|pth|safetensors|tflite|pb|data)$/;

/** Named as ORAS and ModelPack name the files of an artifact. */
function layerOf({ name, sizeBytes, sha256 }: RemotePart): Descriptor {
  return {
    mediaType: weights.test(name) ? 'application/vnd.cncf.model.weight.v1.raw' : 'application/octet-stream',
    digest: `sha256:${sha256}`,
    size: sizeBytes,
    annotations: { 'org.opencontainers.image.title': name, 'org.cncf.model.filepath': name },
  };
}

/** Tags know no slash. `_` begins a pair, so the way back is plain. */
export function tagOf(key: string): string {
  return key.replaceAll('_', '_-').replaceAll('/', '__');
}

/** Undefined for a tag that stands for no key: keys have a slash. */
export function keyOfTag(tag: string): string | undefined {
  return tag.includes('__') ? tag.replaceAll(/__|_-/g, (pair) => (pair === '__' ? '/' : '_')) : undefined;
}
