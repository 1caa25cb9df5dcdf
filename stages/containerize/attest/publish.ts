import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attachment, Registry } from '../../../core/index.ts';
import type { Attestations } from './attest.ts';
import { provenanceType, sbomPredicateType, statementMediaType } from './provenance.ts';
import { sbomType } from './sbom.ts';
import { envelopeType, signaturePayloadType } from './signature.ts';

export const signatureArtifactType = 'application/vnd.dev.cosign.artifact.sig.v1+json';
const signatureNote = 'dev.cosignproject.cosign/signature';

/** Attaches all of them to an image that is in the registry. What is attached already stays as it is. */
export async function publishAttestations(registry: Registry, digest: string, attestations: Attestations): Promise<void> {
  for (const attachment of attachmentsOf(digest, attestations)) await registry.attach(attachment);
}

/** As they lie in the artifact; none where the folder is not there. */
export async function readAttestations(folder: string): Promise<Attestations> {
  const names = await readdir(folder).catch(() => []);
  return new Map(await Promise.all(names.sort().map(async (name) => [name, await readFile(join(folder, name))] as const)));
}

/** Each as the tools expect it that read such things: as a referrer, and what cosign reads under its tags as well. */
function attachmentsOf(subject: string, files: Attestations): readonly Attachment[] {
  const made: Attachment[] = [];
  const add = (name: string, rest: Omit<Attachment, 'subject' | 'bytes'>): void => {
    const bytes = files.get(name);
    if (bytes !== undefined) made.push({ subject, bytes, ...rest });
  };
  add('sbom.cdx.json', { artifactType: sbomType, mediaType: sbomType });
  add('provenance.json', {
    artifactType: statementMediaType,
    mediaType: statementMediaType,
    annotations: { predicateType: provenanceType },
  });
  for (const [name, predicateType] of [
    ['sbom.dsse.json', sbomPredicateType],
    ['provenance.dsse.json', provenanceType],
  ] as const)
    add(name, {
      artifactType: envelopeType,
      mediaType: envelopeType,
      annotations: { predicateType },
      layerAnnotations: { predicateType, [signatureNote]: '' },
      tag: cosignTag(subject, 'att'),
    });
  add('signature.payload.json', {
    artifactType: signatureArtifactType,
    mediaType: signaturePayloadType,
    annotations: { [signatureNote]: files.get('signature.sig')?.toString() ?? '' },
    layerAnnotations: { [signatureNote]: files.get('signature.sig')?.toString() ?? '' },
    tag: cosignTag(subject, 'sig'),
  });
  return made;
}

function cosignTag(digest: string, kind: 'sig' | 'att'): string {
  return `${digest.replace(':', '-')}.${kind}`;
}

/** The signatures of an image that a registry has: what was signed, and the signature. */
export async function signaturesOf(
  registry: Registry,
  digest: string,
): Promise<readonly { readonly payload: Buffer; readonly signature: Buffer }[]> {
  const referrers = (await registry.referrers(digest)).filter(({ artifactType }) => artifactType === signatureArtifactType);
  return Promise.all(
    referrers.map(async (each) => ({
      payload: Buffer.from(await registry.attached(each.digest)),
      signature: Buffer.from(each.annotations[signatureNote] ?? '', 'base64'),
    })),
  );
}
