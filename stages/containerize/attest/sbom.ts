import { createHash } from 'node:crypto';
import { modelComponent } from './model-card.ts';
import type { Software } from './software.ts';
import type { AttestedImage, AttestedModel } from './subject.ts';

export const sbomType = 'application/vnd.cyclonedx+json';

/** CycloneDX 1.6: all that is in the image, and the model with its card. The same image gives the same document: no time, no random name. */
export function sbomOf(
  image: AttestedImage,
  software: readonly Software[],
  model: AttestedModel,
  toolVersion: string | undefined,
): unknown {
  const [, architecture = 'amd64'] = image.platform.split('/');
  const subject = `pkg:oci/${image.name.split('/').at(-1)}@${encodeURIComponent(image.digest)}?arch=${architecture}&repository_url=${encodeURIComponent(image.name)}&tag=${encodeURIComponent(image.tag)}`;
  const components = [...software.map(componentOf), modelComponent(model)];
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidFrom(`${image.digest} ${JSON.stringify(components)}`)}`,
    version: 1,
    metadata: {
      tools: { components: [{ type: 'application', name: 'modelflow', ...(toolVersion === undefined ? {} : { version: toolVersion }) }] },
      component: {
        type: 'container',
        'bom-ref': subject,
        name: image.name,
        version: image.tag,
        purl: subject,
        hashes: [{ alg: 'SHA-256', content: image.digest.slice('sha256:'.length) }],
      },
    },
    components,
    dependencies: [
      { ref: subject, dependsOn: components.map((each) => each['bom-ref']) },
      ...components.map((each) => ({ ref: each['bom-ref'] })),
    ],
  };
}

interface Component {
  readonly 'bom-ref': string;
  readonly [field: string]: unknown;
}

function componentOf({ kind, name, version, licence, purl, sha256, path }: Software): Component {
  return {
    type: kind,
    'bom-ref': `${path}#${name}@${version ?? ''}`,
    name,
    ...(version === undefined ? {} : { version }),
    ...(sha256 === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
    ...(licence === undefined ? {} : { licenses: [licenceOf(licence)] }),
    ...(purl === undefined ? {} : { purl }),
    properties: [{ name: 'modelflow:path', value: `/${path}` }],
  };
}

const commonIds = new Set(
  '0BSD Apache-2.0 Artistic-2.0 BlueOak-1.0.0 BSD-2-Clause BSD-3-Clause CC0-1.0 ISC LGPL-2.1-or-later LGPL-3.0-or-later MIT MIT-0 MPL-2.0 Python-2.0 Unlicense Zlib'.split(
    ' ',
  ),
);

/** An id only where it is surely one: with an unknown id the whole document would be invalid. */
function licenceOf(text: string): unknown {
  if (commonIds.has(text)) return { license: { id: text } };
  return / (AND|OR|WITH) /.test(text) ? { expression: text } : { license: { name: text } };
}

/** A UUID by content, in the form of version 8. */
function uuidFrom(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
