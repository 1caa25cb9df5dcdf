import type { KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withHostPackages } from './host-packages.ts';
import { type BuildPlace, type Material, provenanceOf, provenanceType, sbomPredicateType, statementOf } from './provenance.ts';
import { sbomOf } from './sbom.ts';
import { scanImage } from './scan.ts';
import { sealed, signImage } from './signature.ts';
import { softwareIn } from './software.ts';
import type { AttestedImage, AttestedModel } from './subject.ts';

export interface AttestRequest {
  readonly image: AttestedImage;
  /** The OCI layout of the image. */
  readonly oci: string;
  readonly model: Omit<AttestedModel, 'sha256'>;
  /** Whether libraries that no package manager knows came from this machine. */
  readonly isHostBase: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  readonly materials: readonly Material[];
  readonly tools: Readonly<Record<string, string>>;
  readonly key?: KeyObject | undefined;
  readonly signal: AbortSignal;
}

/** File name → bytes. What lies in the folder `attestations` of an image's artifact, and what is attached to the image in a registry. */
export type Attestations = ReadonlyMap<string, Buffer>;

/** What is in the image, how it was made and, with a key, signatures of both and of the image. `place` makes it differ from build to build. */
export async function attest(request: AttestRequest): Promise<(place?: BuildPlace) => Attestations> {
  const { image, key, tools, options, materials } = request;
  const files = await scanImage(request.oci, image.digest, request.signal);
  const [, architecture = 'amd64'] = image.platform.split('/');
  const found = softwareIn(files, architecture);
  const software = request.isHostBase ? await withHostPackages(found, architecture) : found;
  const sha256 = files.get(`model/${request.model.bundle.model}`)?.sha256;
  const own = software.find(({ name }) => name === 'modelflow')?.version;
  const sbom = sbomOf(image, software, { ...request.model, sha256 }, own);
  const signature = key === undefined ? undefined : signImage(image, key);
  const sealedSbom = key === undefined ? undefined : sealed(statementOf(image, sbomPredicateType, sbom), key);
  return (place) => {
    const statement = statementOf(image, provenanceType, provenanceOf({ options, materials, tools, ...(place ? { place } : {}) }));
    const plain = [
      ['sbom.cdx.json', readable(sbom)],
      ['provenance.json', readable(statement)],
    ] as const;
    if (key === undefined || signature === undefined || sealedSbom === undefined) return new Map(plain);
    return new Map([
      ...plain,
      ['sbom.dsse.json', sealedSbom],
      ['provenance.dsse.json', sealed(statement, key)],
      ['signature.payload.json', signature.payload],
      ['signature.sig', Buffer.from(signature.signature.toString('base64'))],
    ]);
  };
}

/** Writes them into a folder of the artifact. */
export async function keepAttestations(folder: string, attestations: Attestations): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of attestations) await writeFile(join(folder, name), bytes);
}

function readable(document: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}
