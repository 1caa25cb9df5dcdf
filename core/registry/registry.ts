import type { Log } from '../spec/port.ts';

export interface RegistrySettings {
  /** With the registry: `ghcr.io/acme/digits`. */
  readonly repository: string;
  readonly signal: AbortSignal;
  readonly log?: Log;
  /** HTTP instead of HTTPS; usual for a registry on this machine. */
  readonly insecure?: boolean;
  /** Where pulled blobs are kept under their digest, for the next pull; nowhere unless given. */
  readonly cacheFolder?: string;
}

export interface PushRequest {
  /** An OCI image layout. */
  readonly folder: string;
  readonly tags: readonly string[];
  /** Which manifest of the layout's index; the first unless given. */
  readonly digest?: string;
  /** Names of images, whose blobs the registry may take over instead of getting them sent. Those of other registries do not count. */
  readonly mountFrom?: readonly string[];
}

/** What a push came to. All bytes are compressed bytes of blobs. */
export interface Pushed {
  readonly digest: string;
  /** `repository@digest` */
  readonly reference: string;
  readonly sentBytes: number;
  readonly mountedBytes: number;
  /** Of what the registry had already. */
  readonly skippedBytes: number;
}

/** What a pull brought into the layout. */
export interface Pulled {
  /** Of the manifest for the platform. */
  readonly digest: string;
  /** Of what the reference names, which may be an index of many platforms. */
  readonly indexDigest: string;
  readonly fetchedBytes: number;
  readonly cachedBytes: number;
}

export interface Attachment {
  /** The digest of the manifest that it is about. */
  readonly subject: string;
  readonly artifactType: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly annotations?: Readonly<Record<string, string>>;
  /** A tag under which it is added to what is there already, for programs that look for such a tag. */
  readonly tag?: string;
  /** Of its only layer. */
  readonly layerAnnotations?: Readonly<Record<string, string>>;
}

/** Something that is attached to an image. */
export interface Referrer {
  readonly digest: string;
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One repository of a container registry. Everything fails with diagnostics MF3240 to MF3249. */
export interface Registry {
  readonly repository: string;
  /** By digest or tag. */
  hasManifest(reference: string): Promise<boolean>;
  /** The digest that a tag stands for now. */
  resolve(tag: string): Promise<string>;
  /** Sends what is not there; manifests and tags come last, so what has a name is whole. */
  pushLayout(request: PushRequest): Promise<Pushed>;
  /** Makes an OCI layout of the image of one platform, such as `linux/amd64`, in the folder `into`. Every byte is checked against its digest. */
  pull(reference: string, platform: string, into: string): Promise<Pulled>;
  /** Attaches bytes to a manifest that is there, and returns the digest of what was attached. The same once more changes nothing. */
  attach(attachment: Attachment): Promise<string>;
  /** What is attached to a manifest. */
  referrers(digest: string): Promise<readonly Referrer[]>;
  /** The bytes of the only layer of what is attached. */
  attached(digest: string): Promise<Uint8Array>;
}
