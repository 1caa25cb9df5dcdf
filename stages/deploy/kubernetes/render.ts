import { type DesiredService, isSecret, type RenderedFile, type RenderGiven, type TargetContext } from '../../../core/index.ts';
import type { OciImage } from '../../kinds.ts';
import { manyDocuments } from '../../lib/yaml.ts';
import { accessObjects } from './access.ts';
import { kustomizeFiles } from './kustomize.ts';
import { objectsFor } from './manifests.ts';
import { baseName, domain } from './names.ts';
import { type ClusterObject, type RevisionGiven, type ServiceGiven, trimmed } from './objects.ts';
import { referenceOf } from './reference.ts';
import type { kubernetesSettings } from './settings.ts';

/** `yaml`: one file for kubectl. `kustomize`: a base, and an overlay for the profile. `rbac`: what modelflow has to be allowed. */
export const renderFormats = ['yaml', 'kustomize', 'rbac'] as const;

/**
 * The service as files, for those who apply them by other means: one Deployment, which the cluster rolls out by itself. Nobody is there
 * to tell a router of shares, so there is none.
 */
export async function renderService(
  ctx: TargetContext<typeof kubernetesSettings>,
  want: DesiredService<typeof OciImage>,
  format: string,
  { profile, image }: RenderGiven,
): Promise<readonly RenderedFile[] | undefined> {
  const { settings } = ctx;
  const bare: ServiceGiven = { settings, service: want.service, revisions: [], isStanding: true };
  const name = baseName(want.service);
  if (format === 'rbac') return [{ path: `${name}-rbac.yaml`, text: await manyDocuments(accessObjects(bare).map(trimmed)) }];
  const [first] = want.revisions;
  if (first === undefined) return undefined;
  const { port, user } = first.what.facts;
  const reference = image ?? referenceOf(first.what.facts, settings);
  const revision: RevisionGiven = { stamp: first.stamp, weight: 100, image: reference, facts: { port, user } };
  const given = { ...bare, revisions: [revision] };
  const notes = notesOn(given, profile);
  if (format === 'kustomize') return kustomizeFiles(given, revision, { profile, notes });
  return [
    {
      path: `${name}.yaml`,
      text: await manyDocuments(
        objectsFor(given).map((object) => trimmed(released(object, first.stamp))),
        notes,
      ),
    },
  ];
}

function released(object: ClusterObject, stamp: string): ClusterObject {
  if (object.kind !== 'Deployment') return object;
  return { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [`${domain}/release`]: stamp } } };
}

/** What has to be there before these files can work: values of secrets are in none of them. */
function notesOn({ settings, service }: ServiceGiven, profile: string): readonly string[] {
  const keys = Object.entries(settings.env).flatMap(([name, value]) => (isSecret(value) ? [name] : []));
  const within = settings.namespace === undefined ? '' : ` --namespace ${settings.namespace}`;
  const literals = keys.map((key) => ` --from-literal=${key}="$${key}"`).join('');
  const notes = [`The service ${service} of the profile ${profile}.`];
  return keys.length === 0
    ? notes
    : [
        ...notes,
        'Values of secrets are not written down. Make them first:',
        `  kubectl create secret generic ${baseName(service)}${within}${literals}`,
      ];
}
