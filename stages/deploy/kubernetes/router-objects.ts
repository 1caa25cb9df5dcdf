import { createHash } from 'node:crypto';
import { domain, revisionName, routerName } from './names.ts';
import { type ClusterObject, objectOf, type RouterGiven, type ServiceGiven, selector } from './objects.ts';
import { account, confinement, drain, podOf, probes, runAs, tmp } from './pod.ts';

export const routerHttpPort = 8080;
export const adminPort = 9090;
/** The keys of the router's ConfigMap and Secret. */
export const tableKey = 'table.json';
export const tokenKey = 'token';

/** The user of the router image. */
const routerUser = '65532:65532';

/** What the router goes by: each release is reached through a Service of its own. */
export interface RouterTable {
  readonly generation: number;
  readonly revisions: readonly {
    readonly stamp: string;
    readonly weight: number;
    readonly mirror?: number;
    readonly backends: readonly string[];
  }[];
}

export function tableOf({ service, revisions }: ServiceGiven, generation: number): RouterTable {
  return {
    generation,
    revisions: revisions.map(({ stamp, weight, mirror, facts }) => ({
      stamp,
      weight,
      ...(mirror === undefined ? {} : { mirror }),
      backends: [`http://${revisionName(service, stamp)}:${facts.port}`],
    })),
  };
}

/** The router in front of a service. Its pods stay over releases; only the table changes. */
export function routerObjects(given: ServiceGiven, router: RouterGiven): readonly ClusterObject[] {
  const part = { name: routerName(given.service), component: 'router' as const };
  const matchLabels = selector(given.service, { component: 'router' });
  const table = `${JSON.stringify(tableOf(given, router.generation), null, 2)}\n`;
  const token = router.token;
  return [
    ...(token === undefined
      ? []
      : [objectOf(given, { apiVersion: 'v1', kind: 'Secret', ...part }, { type: 'Opaque', stringData: { [tokenKey]: token } })]),
    objectOf(given, { apiVersion: 'v1', kind: 'ConfigMap', ...part }, { data: { [tableKey]: table } }),
    objectOf(
      given,
      { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', ...part },
      { spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels } } },
    ),
    objectOf(
      given,
      { apiVersion: 'apps/v1', kind: 'Deployment', ...part },
      {
        spec: {
          replicas: given.settings.router.replicas,
          revisionHistoryLimit: 1,
          progressDeadlineSeconds: Math.ceil(given.settings.readyTimeoutMs / 1_000) + 1,
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          selector: { matchLabels },
          template: routerPod(given, router),
        },
      },
    ),
  ];
}

/** Routers read their token as they start: another one takes other pods. */
function ofToken(token: string): Readonly<Record<string, string>> {
  return { [`${domain}/token`]: createHash('sha256').update(token).digest('hex').slice(0, 8) };
}

function routerPod(given: ServiceGiven, router: RouterGiven): Readonly<Record<string, unknown>> {
  const { settings, service } = given;
  const name = routerName(service);
  const container = {
    name: 'router',
    image: router.image,
    args: [
      ...['serve', '--host', '0.0.0.0', '--port', String(routerHttpPort)],
      ...['--admin-host', '0.0.0.0', '--admin-port', String(adminPort)],
      // A container that is started again goes on with the newest table of its pod, a new pod with that of the ConfigMap.
      ...['--table', `/var/run/modelflow/${tableKey}`, '--seed', `/etc/modelflow/${tableKey}`],
    ],
    env: [{ name: 'MODELFLOW_ROUTER_TOKEN', valueFrom: { secretKeyRef: { name, key: tokenKey, optional: true } } }],
    ports: [
      { name: 'http', containerPort: routerHttpPort, protocol: 'TCP' },
      { name: 'admin', containerPort: adminPort, protocol: 'TCP' },
    ],
    resources: settings.router.resources,
    ...probes(settings, 'admin', '/ready', '/live'),
    ...drain(settings),
    ...confinement(),
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'state', mountPath: '/var/run/modelflow' },
      { name: 'table', mountPath: '/etc/modelflow', readOnly: true },
    ],
  };
  const spec = {
    ...account(given),
    ...runAs(routerUser),
    containers: [container],
    volumes: [tmp(), { name: 'state', emptyDir: { sizeLimit: '16Mi' } }, { name: 'table', configMap: { name } }],
  };
  const pod = podOf(given, { component: 'router' }, spec);
  return router.token === undefined
    ? pod
    : { ...pod, metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, ...ofToken(router.token) } } };
}
