import { z } from '../../core/index.ts';
import type { RevisionGiven, RouterGiven, ServiceGiven } from '../../stages/deploy/kubernetes/objects.ts';
import { kubernetesSettings } from '../../stages/deploy/kubernetes/settings.ts';

export type SettingsGiven = z.input<z.ZodObject<typeof kubernetesSettings>>;

export const stable = 'a'.repeat(64);
export const candidate = 'b'.repeat(64);
export const router: RouterGiven = { image: 'registry.test/router:1', generation: 1 };

export function revision(more: Partial<RevisionGiven> = {}): RevisionGiven {
  const digest = `sha256:${'1'.repeat(64)}`;
  return { stamp: stable, weight: 100, image: `registry.test/digits@${digest}`, facts: { port: 8080, user: '65532:65532' }, ...more };
}

/** A service with settings as a configuration would have them. */
export function given(settings: SettingsGiven = {}, more: Partial<Omit<ServiceGiven, 'settings'>> = {}): ServiceGiven {
  return { settings: z.strictObject(kubernetesSettings).parse(settings), service: 'digits', revisions: [revision()], router, ...more };
}

/** Every setting that can be set together with the others. */
export const everything: SettingsGiven = {
  replicas: 3,
  resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '128Mi' } },
  gpu: { count: 1 },
  env: {
    LEVEL: '3',
    YES: 'true',
    TOKEN: { secretKey: { name: 'tokens', key: 'api' } },
    MODE: { configMapKey: { name: 'modes', key: 'a' } },
  },
  envFrom: [{ secret: 'all' }, { configMap: 'more' }],
  volumes: [
    { name: 'models', mountPath: '/models', claim: 'models' },
    { name: 'scratch', mountPath: '/scratch', emptyDir: { sizeLimit: '1Gi' }, readOnly: false },
    { name: 'certificates', mountPath: '/certificates', secret: 'certificates' },
    { name: 'rules', mountPath: '/rules', configMap: 'rules', subPath: 'rules.json' },
  ],
  pullSecrets: ['registry'],
  runtimeClass: undefined,
  nodeSelector: { 'kubernetes.io/arch': 'amd64' },
  tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  topologySpread: { must: true },
  podLabels: { team: 'vision' },
  podAnnotations: { 'prometheus.io/scrape': 'true' },
  labels: { 'acme.com/owner': 'vision' },
  annotations: { 'acme.com/note': 'what: a "note", with # and so on' },
  minReadySeconds: 2,
  service: { type: 'NodePort', port: 8080, annotations: { 'acme.com/balancer': 'internal' } },
  expose: { ingress: { host: 'digits.acme.com', path: '/digits', className: 'nginx', tlsSecret: 'digits-tls' } },
  networkPolicy: { from: [{ namespaceLabels: { name: 'web' }, podLabels: { app: 'web' } }, { cidr: '10.0.0.0/8' }] },
};
