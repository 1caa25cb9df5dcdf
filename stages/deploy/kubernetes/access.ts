import { baseName } from './names.ts';
import { type ClusterObject, objectOf, type ServiceGiven } from './objects.ts';
import { type AccessRule, clusterRulesFor, rulesFor } from './rules.ts';

const rbac = 'rbac.authorization.k8s.io';

/** An account that may deploy this service and nothing else, for a CI job: with its Role, bound to it. */
export function accessObjects(given: ServiceGiven): readonly ClusterObject[] {
  const { settings, service } = given;
  const name = `${baseName(service)}-deployer`;
  const namespace = settings.namespace ?? 'default';
  const described = (kind: string) => ({ apiVersion: `${rbac}/v1`, kind, name });
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const bound = (kind: string) => ({ subjects, roleRef: { apiGroup: rbac, kind, name } });
  const clusterRules = clusterRulesFor(settings);
  return [
    objectOf(given, { apiVersion: 'v1', kind: 'ServiceAccount', name }, { automountServiceAccountToken: false }),
    objectOf(given, described('Role'), { rules: rulesFor(settings).map(plain) }),
    objectOf(given, described('RoleBinding'), bound('Role')),
    ...(clusterRules.length === 0
      ? []
      : [
          withoutNamespace(objectOf(given, described('ClusterRole'), { rules: clusterRules.map(plain) })),
          withoutNamespace(objectOf(given, described('ClusterRoleBinding'), bound('ClusterRole'))),
        ]),
  ];
}

function plain({ apiGroups, resources, verbs }: AccessRule): Omit<AccessRule, 'why'> {
  return { apiGroups, resources, verbs };
}

function withoutNamespace(object: ClusterObject): ClusterObject {
  const { namespace: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
