import { kindsMade } from './objects.ts';
import type { KubernetesSettings } from './settings.ts';

/** A rule of a Role, as Kubernetes has it. */
export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Why it is needed, for those who are asked to grant it. */
  readonly why: string;
}

const changing = ['get', 'list', 'watch', 'create', 'patch', 'delete'] as const;

const looking = ['get', 'list', 'watch'] as const;

type Asked = Pick<KubernetesSettings, 'traffic' | 'autoscale' | 'expose' | 'networkPolicy' | 'podDisruption' | 'serviceAccount'>;

/** What modelflow has to be allowed in the namespace of a service with these settings, and no more. */
export function rulesFor(settings: Asked): readonly AccessRule[] {
  const made = kindsMade
    .filter(({ kind }) => isMade(kind, settings))
    .map(({ apiVersion, plural }) => ({ group: apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '', plural }));
  const groups = [...new Set(made.map(({ group }) => group))];
  return [
    ...groups.map((group) => ({
      apiGroups: [group],
      resources: made.filter((each) => each.group === group).map(({ plural }) => plural),
      verbs: changing,
      why: 'the objects of a service',
    })),
    { apiGroups: ['apps'], resources: ['replicasets'], verbs: looking, why: 'why pods are not made' },
    { apiGroups: [''], resources: ['pods', 'events'], verbs: looking, why: 'how pods are' },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: looking, why: 'which pods get requests' },
    { apiGroups: [''], resources: ['pods/log'], verbs: ['get'], why: 'what pods say' },
    { apiGroups: [''], resources: ['resourcequotas'], verbs: ['get', 'list'], why: 'whether a release has room' },
    {
      apiGroups: [''],
      resources: ['pods/proxy', 'services/proxy'],
      verbs: ['get', 'create', 'update'],
      why: 'to probe, and to tell routers',
    },
  ];
}

/** What a ClusterRole has to allow beside, when the namespace is to be made. */
export function clusterRulesFor({ createNamespace }: Pick<KubernetesSettings, 'createNamespace'>): readonly AccessRule[] {
  if (!createNamespace) return [];
  return [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'create', 'patch'], why: 'to make the namespace' }];
}

/** Kinds that no release of these settings has need not be listed, either: a cluster without them has no such right to give. */
function isMade(kind: (typeof kindsMade)[number]['kind'], settings: Asked): boolean {
  switch (kind) {
    case 'HTTPRoute':
      return settings.expose !== undefined && 'gateway' in settings.expose;
    case 'Ingress':
      return settings.expose !== undefined && 'ingress' in settings.expose;
    case 'HorizontalPodAutoscaler':
      return settings.autoscale !== undefined;
    case 'NetworkPolicy':
      return settings.networkPolicy !== false;
    case 'ServiceAccount':
      return settings.serviceAccount === undefined;
    case 'PodDisruptionBudget':
    case 'Secret':
    case 'ConfigMap':
    case 'Deployment':
    case 'Service':
      return true;
  }
}
