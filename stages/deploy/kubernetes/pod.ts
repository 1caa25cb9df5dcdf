import { isSecret } from '../../../core/index.ts';
import { baseName } from './names.ts';
import { type Component, ownLabels, partsOf, type RevisionGiven, type ServiceGiven, selector } from './objects.ts';
import type { KubernetesSettings } from './settings.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What a restricted namespace asks of every container. */
const confined: Fields = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
};

/** The pods of one release. */
export function modelPod(given: ServiceGiven, revision: RevisionGiven): Fields {
  const { settings } = given;
  const parts = partsOf(given, revision);
  const volumes = settings.volumes.map(volumeOf);
  const container: Fields = {
    name: 'model',
    image: revision.image,
    ports: [{ name: 'http', containerPort: revision.facts.port, protocol: 'TCP' }],
    ...environment(settings, parts.name),
    resources: resourcesOf(settings),
    startupProbe: {
      httpGet: { path: '/v2/health/ready', port: 'http' },
      periodSeconds: 1,
      timeoutSeconds: settings.probes.timeoutSeconds,
      failureThreshold: Math.ceil(settings.readyTimeoutMs / 1_000),
    },
    ...probes(settings, 'http', '/v2/health/ready', '/v2/health/live'),
    ...drain(settings),
    securityContext: confined,
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      ...settings.volumes.map(({ name, mountPath, subPath, readOnly }) => ({
        name,
        mountPath,
        readOnly,
        ...(subPath === undefined ? {} : { subPath }),
      })),
    ],
  };
  return podOf(given, parts, {
    ...account(given),
    ...(settings.runtimeClass === undefined ? {} : { runtimeClassName: settings.runtimeClass }),
    ...runAs(revision.facts.user),
    containers: [container],
    volumes: [tmp(), ...volumes],
  });
}

/** A pod of ours with where it may run, and what all of them have in common. */
export function podOf(
  { settings, service }: ServiceGiven,
  of: { readonly component: Component; readonly stamp?: string },
  spec: Fields,
): { readonly metadata: { readonly labels: Fields; readonly annotations: Fields }; readonly spec: Fields } {
  return {
    metadata: {
      labels: { ...settings.labels, ...settings.podLabels, ...ownLabels(service, of) },
      annotations: {
        ...settings.annotations,
        ...settings.podAnnotations,
        'kubectl.kubernetes.io/default-container': of.component,
      },
    },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: settings.terminationGraceSeconds,
      ...(settings.pullSecrets.length === 0 ? {} : { imagePullSecrets: settings.pullSecrets.map((name) => ({ name })) }),
      ...(settings.priorityClass === undefined ? {} : { priorityClassName: settings.priorityClass }),
      ...(Object.keys(settings.nodeSelector).length === 0 ? {} : { nodeSelector: settings.nodeSelector }),
      ...(settings.tolerations.length === 0 ? {} : { tolerations: settings.tolerations }),
      ...(settings.affinity === undefined ? {} : { affinity: settings.affinity }),
      ...spread(settings, selector(service, of)),
      ...spec,
    },
  };
}

export function probes(settings: KubernetesSettings, port: string, ready: string, live: string): Fields {
  const { periodSeconds, timeoutSeconds, failures } = settings.probes;
  return {
    readinessProbe: { httpGet: { path: ready, port }, periodSeconds, timeoutSeconds, failureThreshold: failures },
    // A new pod should get requests soon; one that hangs is only killed when there is no doubt.
    livenessProbe: {
      httpGet: { path: live, port },
      periodSeconds: Math.max(10, periodSeconds),
      timeoutSeconds,
      failureThreshold: failures,
    },
  };
}

/** Endpoints are taken away everywhere only some time after a pod was told to go: until then it has to answer. */
export function drain({ drainSeconds }: KubernetesSettings): Fields {
  return drainSeconds === 0 ? {} : { lifecycle: { preStop: { sleep: { seconds: drainSeconds } } } };
}

export function runAs(user: string): Fields {
  const [uid, gid = uid] = user.split(':').map(Number);
  return {
    securityContext: { runAsNonRoot: true, runAsUser: uid, runAsGroup: gid, fsGroup: gid, seccompProfile: { type: 'RuntimeDefault' } },
  };
}

export function account({ settings, service }: ServiceGiven): Fields {
  return { serviceAccountName: settings.serviceAccount ?? baseName(service) };
}

export function confinement(): Fields {
  return { securityContext: confined };
}

export function tmp(): Fields {
  return { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } };
}

function environment(settings: KubernetesSettings, ownSecret: string): Fields {
  const env = Object.entries(settings.env).map(([name, value]) => {
    if (typeof value === 'string') return { name, value };
    if (isSecret(value)) return { name, valueFrom: { secretKeyRef: { name: ownSecret, key: name } } };
    return 'secretKey' in value
      ? { name, valueFrom: { secretKeyRef: value.secretKey } }
      : { name, valueFrom: { configMapKeyRef: value.configMapKey } };
  });
  const envFrom = settings.envFrom.map((each) =>
    'secret' in each ? { secretRef: { name: each.secret } } : { configMapRef: { name: each.configMap } },
  );
  return { ...(env.length === 0 ? {} : { env }), ...(envFrom.length === 0 ? {} : { envFrom }) };
}

function resourcesOf({ resources, gpu }: KubernetesSettings): Fields {
  const accelerators = gpu === undefined ? {} : { [gpu.resource]: String(gpu.count) };
  return { requests: { ...resources.requests, ...accelerators }, limits: { ...resources.limits, ...accelerators } };
}

function volumeOf(volume: KubernetesSettings['volumes'][number]): Fields {
  const { name, claim, configMap, secret, emptyDir, readOnly } = volume;
  if (claim !== undefined) return { name, persistentVolumeClaim: { claimName: claim, readOnly } };
  if (configMap !== undefined) return { name, configMap: { name: configMap } };
  if (secret !== undefined) return { name, secret: { secretName: secret } };
  return { name, emptyDir: emptyDir ?? {} };
}

function spread({ topologySpread }: KubernetesSettings, matchLabels: Readonly<Record<string, string>>): Fields {
  if (topologySpread === false) return {};
  return {
    topologySpreadConstraints: topologySpread.keys.map((topologyKey) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: topologySpread.must ? 'DoNotSchedule' : 'ScheduleAnyway',
      labelSelector: { matchLabels },
    })),
  };
}
