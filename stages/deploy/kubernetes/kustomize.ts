import { type RenderedFile, z } from '../../../core/index.ts';
import { manyDocuments, oneDocument } from '../../lib/yaml.ts';
import { jsonPatch } from './json-patch.ts';
import { objectsFor } from './manifests.ts';
import { baseName } from './names.ts';
import { type ClusterObject, type RevisionGiven, type ServiceGiven, trimmed } from './objects.ts';
import { kubernetesSettings } from './settings.ts';

/**
 * A base and an overlay. The base is the service with no settings at all, so that it is the same whatever profile it was rendered for;
 * the overlay of a profile says in what its settings differ, and with which image.
 */
export async function kustomizeFiles(
  given: ServiceGiven,
  revision: RevisionGiven,
  said: { readonly profile: string; readonly notes: readonly string[] },
): Promise<readonly RenderedFile[]> {
  const { settings, service } = given;
  const name = baseName(service);
  const { namespace, ...others } = settings;
  const base = objectsFor({ service, isStanding: true, settings: noSettings(), revisions: [plainRevision(name)] }).map(trimmed);
  const wanted = objectsFor({ ...given, settings: others, revisions: [{ ...revision, image: name }] }).map(trimmed);
  const folder = `${name}/overlays/${said.profile}`;
  const added = wanted.filter((object) => !base.some(isSame(object)));
  const overlay = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    ...(namespace === undefined ? {} : { namespace }),
    resources: ['../../base', ...(added.length > 0 ? ['added.yaml'] : [])],
    images: [{ name, ...imageParts(revision.image) }],
    patches: base.flatMap((object) => patchOf(object, wanted.find(isSame(object)))),
  };
  return [
    { path: `${name}/base/service.yaml`, text: await manyDocuments(base) },
    {
      path: `${name}/base/kustomization.yaml`,
      text: await oneDocument({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: ['service.yaml'] }),
    },
    ...(added.length > 0 ? [{ path: `${folder}/added.yaml`, text: await manyDocuments(added) }] : []),
    { path: `${folder}/kustomization.yaml`, text: await oneDocument(overlay, said.notes) },
  ];
}

function noSettings(): ServiceGiven['settings'] {
  return z.strictObject(kubernetesSettings).parse({});
}

/** Of what every image of ours listens on and runs as, unless it is told otherwise. */
function plainRevision(image: string): RevisionGiven {
  return { stamp: '', weight: 100, image, facts: { port: 8080, user: '65532:65532' } };
}

function isSame(one: ClusterObject): (other: ClusterObject) => boolean {
  return (other) => other.kind === one.kind && other.metadata.name === one.metadata.name;
}

function patchOf(object: ClusterObject, wanted: ClusterObject | undefined): readonly object[] {
  const { apiVersion, kind } = object;
  const { name } = object.metadata;
  if (wanted === undefined) return [{ patch: manyLines([{ apiVersion, kind, metadata: { name }, $patch: 'delete' }]) }];
  const steps = jsonPatch(object, wanted);
  return steps.length === 0 ? [] : [{ target: { kind, name }, patch: manyLines(steps) }];
}

/** JSON is YAML: one step a line. */
function manyLines(steps: readonly object[]): string {
  const [first, ...others] = steps;
  if (first && others.length === 0 && '$patch' in first) return `${JSON.stringify(first)}\n`;
  return `${steps.map((step) => `- ${JSON.stringify(step)}`).join('\n')}\n`;
}

/** As Kustomize has them: name, and tag or digest. */
function imageParts(reference: string): Readonly<Record<string, string>> {
  const [name = '', digest] = reference.split('@');
  if (digest !== undefined) return { newName: withoutTag(name), digest };
  const tag = name.slice(withoutTag(name).length + 1);
  return { newName: withoutTag(name), ...(tag === '' ? {} : { newTag: tag }) };
}

function withoutTag(name: string): string {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
