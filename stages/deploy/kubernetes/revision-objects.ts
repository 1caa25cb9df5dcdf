import { type ClusterObject, hasRouter, objectOf, partsOf, type RevisionGiven, type ServiceGiven, selector } from './objects.ts';
import { modelPod } from './pod.ts';

/** What comes and goes with one release. */
export function revisionObjects(given: ServiceGiven, revision: RevisionGiven, replicas: number): readonly ClusterObject[] {
  return [
    ...secretOf(given, revision),
    ...disruptionOf(given, revision),
    deploymentOf(given, revision, replicas),
    ...autoscalerOf(given, revision),
    ...(hasRouter(given) ? [serviceOf(given, revision)] : []),
  ];
}

function deploymentOf(given: ServiceGiven, revision: RevisionGiven, replicas: number): ClusterObject {
  const { settings, service } = given;
  const matchLabels = selector(service, partsOf(given, revision));
  return objectOf(
    given,
    { apiVersion: 'apps/v1', kind: 'Deployment', ...partsOf(given, revision) },
    {
      spec: {
        // An autoscaler owns the count.
        ...(settings.autoscale === undefined ? { replicas } : {}),
        revisionHistoryLimit: 1,
        minReadySeconds: settings.minReadySeconds,
        progressDeadlineSeconds: Math.ceil(settings.readyTimeoutMs / 1_000) + settings.minReadySeconds + 1,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels },
        template: modelPod(given, revision),
      },
    },
  );
}

/** The router reaches the pods of a release by this name. */
function serviceOf(given: ServiceGiven, revision: RevisionGiven): ClusterObject {
  return objectOf(
    given,
    { apiVersion: 'v1', kind: 'Service', ...partsOf(given, revision) },
    {
      spec: {
        type: 'ClusterIP',
        selector: selector(given.service, partsOf(given, revision)),
        ports: [{ name: 'http', port: revision.facts.port, targetPort: 'http', protocol: 'TCP' }],
      },
    },
  );
}

function secretOf(given: ServiceGiven, revision: RevisionGiven): readonly ClusterObject[] {
  if (revision.secrets === undefined || Object.keys(revision.secrets).length === 0) return [];
  const described = { apiVersion: 'v1', kind: 'Secret', ...partsOf(given, revision) };
  return [objectOf(given, described, { type: 'Opaque', immutable: true, stringData: revision.secrets })];
}

function disruptionOf(given: ServiceGiven, revision: RevisionGiven): readonly ClusterObject[] {
  const { podDisruption } = given.settings;
  if (podDisruption === false) return [];
  return [
    objectOf(
      given,
      { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', ...partsOf(given, revision) },
      {
        spec: {
          maxUnavailable: podDisruption.maxUnavailable,
          // Pods that are not ready hold nothing up, and must not keep a node from being emptied.
          unhealthyPodEvictionPolicy: 'AlwaysAllow',
          selector: { matchLabels: selector(given.service, partsOf(given, revision)) },
        },
      },
    ),
  ];
}

function autoscalerOf(given: ServiceGiven, revision: RevisionGiven): readonly ClusterObject[] {
  const { autoscale } = given.settings;
  if (autoscale === undefined) return [];
  const part = partsOf(given, revision);
  const queue = autoscale.queueDepth === undefined ? [] : [queueMetric(autoscale.queueDepth)];
  return [
    objectOf(
      given,
      { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', ...part },
      {
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: part.name },
          minReplicas: autoscale.min,
          maxReplicas: autoscale.max,
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: autoscale.cpu } } },
            ...queue,
          ],
          behavior: { scaleDown: { stabilizationWindowSeconds: autoscale.scaleDownSeconds } },
        },
      },
    ),
  ];
}

/** The server has this gauge for every model; an adapter such as prometheus-adapter makes it a metric of pods. */
function queueMetric(queueDepth: number): Readonly<Record<string, unknown>> {
  // A quantity as the API server writes it back, so that applying it again is no change.
  const averageValue = Number.isInteger(queueDepth) ? String(queueDepth) : `${Math.ceil(queueDepth * 1_000)}m`;
  return {
    type: 'Pods',
    pods: {
      metric: { name: 'modelflow_queue_depth' },
      target: { type: 'AverageValue', averageValue },
    },
  };
}
