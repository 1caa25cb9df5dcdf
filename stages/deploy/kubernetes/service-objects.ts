import { baseName } from './names.ts';
import { type ClusterObject, hasRouter, objectOf, type ServiceGiven, selector } from './objects.ts';
import { adminPort, routerHttpPort } from './router-objects.ts';

/** What stays while releases come and go: how the service is reached, and who may. */
export function serviceObjects(given: ServiceGiven): readonly ClusterObject[] {
  return [...accountOf(given), ...policyOf(given), frontOf(given), ...exposureOf(given)];
}

function accountOf(given: ServiceGiven): readonly ClusterObject[] {
  if (given.settings.serviceAccount !== undefined) return [];
  const described = { apiVersion: 'v1', kind: 'ServiceAccount', name: baseName(given.service) };
  return [objectOf(given, described, { automountServiceAccountToken: false })];
}

/** The Service that users call. */
function frontOf(given: ServiceGiven): ClusterObject {
  const { type, port, nodePort, annotations } = given.settings.service;
  return objectOf(
    given,
    { apiVersion: 'v1', kind: 'Service', name: baseName(given.service), annotations },
    {
      spec: {
        type,
        selector: frontSelector(given),
        ports: [{ name: 'http', port, targetPort: 'http', protocol: 'TCP', ...(nodePort === undefined ? {} : { nodePort }) }],
      },
    },
  );
}

/** The router; or the pods of the one release that has all of the traffic, or of all releases where several share it. */
function frontSelector(given: ServiceGiven): Readonly<Record<string, string>> {
  const { service, revisions, isStanding } = given;
  if (hasRouter(given)) return selector(service, { component: 'router' });
  if (isStanding) return selector(service, { component: 'model' });
  const [first, ...others] = revisions.filter(({ weight }) => weight > 0);
  return selector(service, { component: 'model', ...(first && others.length === 0 ? { stamp: first.stamp } : {}) });
}

function policyOf(given: ServiceGiven): readonly ClusterObject[] {
  const { networkPolicy } = given.settings;
  if (networkPolicy === false) return [];
  const [first] = given.revisions;
  const modelPort = first?.facts.port ?? routerHttpPort;
  const callers = networkPolicy.from.map(peerOf);
  const fromUsers = callers.length === 0 ? {} : { from: callers };
  const fromRouter = { from: [{ podSelector: { matchLabels: selector(given.service, { component: 'router' }) } }] };
  const policy = (component: 'model' | 'router', spec: Readonly<Record<string, unknown>>): ClusterObject =>
    objectOf(
      given,
      { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', name: `${baseName(given.service)}-${component}`, component },
      {
        spec: {
          podSelector: { matchLabels: selector(given.service, { component }) },
          policyTypes: ['Ingress', 'Egress'],
          ...spec,
        },
      },
    );
  const onPorts = (...ports: readonly number[]) => ({ ports: ports.map((port) => ({ port, protocol: 'TCP' })) });
  // Metrics are read from pods directly: whoever may call the service may read them.
  if (!hasRouter(given)) return [policy('model', { ingress: [{ ...fromUsers, ...onPorts(modelPort) }], egress: [] })];
  const names = { ports: ['UDP', 'TCP'].map((protocol) => ({ port: 53, protocol })) };
  const models = { to: [{ podSelector: { matchLabels: selector(given.service, { component: 'model' }) } }] };
  return [
    policy('model', {
      ingress: [{ ...(callers.length === 0 ? {} : { from: [...fromRouter.from, ...callers] }), ...onPorts(modelPort) }],
      egress: [],
    }),
    policy('router', {
      // The admin port has a token: the API server, which reaches it for us, stands at an address that nobody can name beforehand.
      ingress: [{ ...fromUsers, ...onPorts(routerHttpPort) }, onPorts(adminPort)],
      egress: [names, models],
    }),
  ];
}

function peerOf(peer: {
  readonly cidr?: string | undefined;
  readonly namespaceLabels?: Readonly<Record<string, string>> | undefined;
  readonly podLabels?: Readonly<Record<string, string>> | undefined;
}): Readonly<Record<string, unknown>> {
  if (peer.cidr !== undefined) return { ipBlock: { cidr: peer.cidr } };
  return {
    ...(peer.namespaceLabels === undefined ? {} : { namespaceSelector: { matchLabels: peer.namespaceLabels } }),
    ...(peer.podLabels === undefined ? {} : { podSelector: { matchLabels: peer.podLabels } }),
  };
}

function exposureOf(given: ServiceGiven): readonly ClusterObject[] {
  const { expose, service } = given.settings;
  if (expose === undefined) return [];
  const name = baseName(given.service);
  if ('ingress' in expose) {
    const { host, path, className, tlsSecret, annotations } = expose.ingress;
    const backend = { service: { name, port: { number: service.port } } };
    const tls = tlsSecret === undefined ? {} : { tls: [{ ...(host === undefined ? {} : { hosts: [host] }), secretName: tlsSecret }] };
    return [
      objectOf(
        given,
        { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name, annotations },
        {
          spec: {
            ...(className === undefined ? {} : { ingressClassName: className }),
            ...tls,
            rules: [{ ...(host === undefined ? {} : { host }), http: { paths: [{ path, pathType: 'Prefix', backend }] } }],
          },
        },
      ),
    ];
  }
  const { name: gateway, namespace, listener, host, path } = expose.gateway;
  const parent = {
    name: gateway,
    ...(namespace === undefined ? {} : { namespace }),
    ...(listener === undefined ? {} : { sectionName: listener }),
  };
  return [
    objectOf(
      given,
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name },
      {
        spec: {
          parentRefs: [parent],
          ...(host === undefined ? {} : { hostnames: [host] }),
          rules: [{ matches: [{ path: { type: 'PathPrefix', value: path } }], backendRefs: [{ name, port: service.port }] }],
        },
      },
    ),
  ];
}
