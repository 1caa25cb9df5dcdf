import { secretText, z } from '../../../core/index.ts';
import { annotations, key, labels, name, port, quantities, seconds } from './setting-shapes.ts';

const toleration = z.strictObject({
  key: key.optional(),
  operator: z.enum(['Exists', 'Equal']).default('Equal'),
  value: z.string().max(63).optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: seconds.optional(),
});
const volume = z
  .strictObject({
    name: name.max(63),
    mountPath: z.string().regex(/^\/[^:]*$/, 'An absolute path without a colon'),
    claim: name.optional().describe('of this PersistentVolumeClaim'),
    configMap: name.optional().describe('of this ConfigMap'),
    secret: name.optional().describe('of this Secret'),
    emptyDir: z.strictObject({ sizeLimit: z.string().optional() }).optional().describe('an empty folder that goes with the pod'),
    subPath: z.string().min(1).optional(),
    readOnly: z.boolean().default(true),
  })
  .refine((given) => [given.claim, given.configMap, given.secret, given.emptyDir].filter((each) => each !== undefined).length === 1, {
    message: 'Name one of claim, configMap, secret and emptyDir',
  });
const from = z.strictObject({ key, name });
const env = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'Letters, digits and underscore, not beginning with a digit'),
    z.union([z.string(), secretText(), z.strictObject({ secretKey: from }), z.strictObject({ configMapKey: from })]),
  )
  .default({})
  .describe("environment variables: text, `secret('NAME')`, or `{ secretKey: { name, key } }` and `{ configMapKey: … }` of the namespace");
const autoscale = z
  .strictObject({
    min: z.int().min(1).max(1_000).default(2),
    max: z.int().min(1).max(1_000),
    cpu: z.int().min(1).max(1_000).default(70).describe('percent of the CPU request that is aimed at'),
    queueDepth: z
      .number()
      .gt(0)
      .optional()
      .describe('requests that wait in each pod; needs an adapter for the metric modelflow_queue_depth'),
    scaleDownSeconds: seconds.max(3_600).default(300).describe('how long the need must have been lower'),
  })
  .refine(({ min, max }) => min <= max, { path: ['max'], message: 'At least `min`' });
const host = z
  .string()
  .regex(/^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, 'A host name in lower case')
  .max(253);
const path = z.string().startsWith('/').default('/');
const expose = z.union([
  z.strictObject({
    ingress: z.strictObject({
      host: host.optional(),
      path,
      className: name.optional(),
      tlsSecret: name.optional().describe('the Secret with the certificate'),
      annotations,
    }),
  }),
  z.strictObject({
    gateway: z.strictObject({
      name: name.describe('of the Gateway'),
      namespace: name.optional().describe('of the Gateway, when it is another one'),
      listener: name.optional().describe('the section of the Gateway'),
      host: host.optional(),
      path,
    }),
  }),
]);
const peer = z
  .strictObject({
    namespaceLabels: labels.optional(),
    podLabels: labels.optional(),
    cidr: z
      .string()
      .regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, 'Such as 10.0.0.0/8')
      .optional(),
  })
  .refine(({ cidr, namespaceLabels, podLabels }) => (cidr !== undefined) !== (namespaceLabels !== undefined || podLabels !== undefined), {
    message: 'Either a cidr, or labels',
  });
const resources = z.strictObject({
  requests: quantities.default({ cpu: '100m', memory: '256Mi', 'ephemeral-storage': '64Mi' }),
  limits: quantities.default({ cpu: '1', memory: '1Gi', 'ephemeral-storage': '256Mi' }),
});

const whereItRuns = {
  context: z.string().min(1).optional().describe('of the kubeconfig; its current one unless given'),
  kubeconfig: z.string().min(1).optional().describe('a file; $KUBECONFIG, ~/.kube/config or the service account of the pod unless given'),
  namespace: name.max(63).optional().describe('the one of the context unless given'),
  createNamespace: z.boolean().default(false).describe('make the namespace when it is not there'),
  force: z.boolean().default(false).describe('take over fields that somebody else has set'),
  readyTimeoutMs: z.int().min(1_000).max(3_600_000).default(300_000).describe('how long a new release may take to get ready'),
};
const images = {
  repository: z
    .string()
    .min(1)
    .optional()
    .describe('where images are pushed that are in no registry yet: ghcr.io/acme; the name of the image is added'),
  routerImage: z.string().min(1).optional().describe('a reference of the router image, where it was pushed by other means'),
  pullSecrets: z.array(name).default([]).describe('Secrets of the namespace with registry credentials'),
};
const pods = {
  replicas: z.int().min(1).max(1_000).default(2).describe('pods of each release; without `autoscale`'),
  autoscale: autoscale.optional().describe('pods by need: a HorizontalPodAutoscaler for each release'),
  resources: resources.prefault({}).describe('what a pod asks for and may have at most'),
  gpu: z
    .strictObject({ count: z.int().min(1).max(64), resource: key.default('nvidia.com/gpu') })
    .optional()
    .describe('accelerators of a pod'),
  env,
  envFrom: z
    .array(z.union([z.strictObject({ secret: name }), z.strictObject({ configMap: name })]))
    .default([])
    .describe('all keys of a Secret or a ConfigMap of the namespace'),
  volumes: z.array(volume).default([]).describe('such as a store of models'),
  serviceAccount: name.optional().describe('one that is there; one of our own without any rights unless given'),
  runtimeClass: name.optional(),
  priorityClass: name.optional(),
  nodeSelector: labels.default({}),
  tolerations: z.array(toleration).default([]),
  affinity: z.record(z.string(), z.unknown()).optional().describe('as in a pod, handed on as it is'),
  topologySpread: z
    .union([
      z.literal(false),
      z.strictObject({
        keys: z.array(key).min(1).default(['kubernetes.io/hostname', 'topology.kubernetes.io/zone']),
        must: z.boolean().default(false).describe('rather wait than stand together'),
      }),
    ])
    .prefault({})
    .describe('how pods of a release are spread over nodes and zones'),
  podLabels: labels.default({}),
  podAnnotations: annotations,
};
const lifecycle = {
  probes: z
    .strictObject({
      periodSeconds: seconds.min(1).max(300).default(2),
      timeoutSeconds: seconds.min(1).max(300).default(2),
      failures: z
        .int()
        .min(1)
        .max(100)
        .default(3)
        .describe('in a row, before a pod gets no requests; three times as many before it is restarted'),
    })
    .prefault({}),
  minReadySeconds: seconds.max(600).default(0).describe('how long a pod has to be ready before it counts'),
  drainSeconds: seconds.max(600).default(5).describe('how long a pod that is to go still takes requests, until nobody sends it any'),
  terminationGraceSeconds: seconds.min(1).max(3_600).default(45).describe('how long it then has for all; longer than `drainSeconds`'),
  podDisruption: z
    .union([z.literal(false), z.strictObject({ maxUnavailable: z.int().min(1).max(1_000) })])
    .default({ maxUnavailable: 1 })
    .describe('how many pods of a release may go at once when nodes are emptied'),
};
const reached = {
  traffic: z
    .enum(['router', 'replicas'])
    .default('router')
    .describe('who splits it: a router in front, request by request, or only how many pods each release has'),
  router: z
    .strictObject({
      replicas: z.int().min(1).max(100).default(2),
      resources: z
        .strictObject({
          requests: quantities.default({ cpu: '50m', memory: '64Mi', 'ephemeral-storage': '16Mi' }),
          limits: quantities.default({ cpu: '1', memory: '256Mi', 'ephemeral-storage': '64Mi' }),
        })
        .prefault({}),
    })
    .prefault({})
    .describe('the router, where `traffic` is split by one'),
  service: z
    .strictObject({
      type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).default('ClusterIP'),
      port: port.default(80),
      nodePort: port.optional(),
      annotations,
    })
    .prefault({})
    .describe('the Service that users call'),
  expose: expose.optional().describe('to the outside: `{ ingress: { host } }` or `{ gateway: { name, host } }`'),
  networkPolicy: z
    .union([z.literal(false), z.strictObject({ from: z.array(peer).default([]).describe('who may call it; everybody when empty') })])
    .prefault({})
    .describe('pods may be called on their port only, and call nobody'),
  labels: labels.default({}).describe('of every object'),
  annotations: annotations.describe('of every object'),
};

/** What `kubernetes({ … })` takes. */
export const kubernetesSettings = { ...whereItRuns, ...images, ...pods, ...lifecycle, ...reached };
export type KubernetesSettings = z.output<z.ZodObject<typeof kubernetesSettings>>;
