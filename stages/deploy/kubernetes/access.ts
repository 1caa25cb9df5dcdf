import { baseName } from './names.ts';
import type { ClusterObject, ServiceGiven } from './objects.ts';
import { type AccessRule, clusterRulesFor, rulesFor } from './rules.ts';

const rbac = 'rbac.authorization.k8s.io';

/**
 * An account that may deploy this service and nothing else, for a CI job: with its Role, bound to it. They are no objects of the service:
 * whoever deploys with them must not remove them as what the service has no more.
 */
export function accessObjects({ settings, service }: ServiceGiven): readonly ClusterObject[] {
  const name = `${baseName(service)}-deployer`;
  const { namespace, labels, annotations } = settings;
  const object = (apiVersion: string, kind: string, rest: object, isOfCluster = false): ClusterObject => ({
    apiVersion,
    kind,
    metadata: { name, ...(namespace === undefined || isOfCluster ? {} : { namespace }), labels, annotations },
    ...rest,
  });
  const bound = (kind: string) => ({
    subjects: [{ kind: 'ServiceAccount', name, namespace: namespace ?? 'default' }],
    roleRef: { apiGroup: rbac, kind, name },
  });
  const clusterRules = clusterRulesFor(settings);
  return [
    object('v1', 'ServiceAccount', { automountServiceAccountToken: false }),
    object(`${rbac}/v1`, 'Role', { rules: rulesFor(settings).map(plain) }),
    object(`${rbac}/v1`, 'RoleBinding', bound('Role')),
    ...(clusterRules.length === 0
      ? []
      : [
          object(`${rbac}/v1`, 'ClusterRole', { rules: clusterRules.map(plain) }, true),
          object(`${rbac}/v1`, 'ClusterRoleBinding', bound('ClusterRole'), true),
        ]),
  ];
}

function plain({ apiGroups, resources, verbs }: AccessRule): Omit<AccessRule, 'why'> {
  return { apiGroups, resources, verbs };
}
