import { baseName, domain, labelStamp, revisionName, shortStamp } from './names.ts';
import type { KubernetesSettings } from './settings.ts';

/** An object of the cluster as it is sent there: plain data, checked by the API server. */
export interface ClusterObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** One release of the service, with the image as a node can pull it. */
export interface RevisionGiven {
  readonly stamp: string;
  readonly weight: number;
  readonly mirror?: number;
  /** A reference, with a digest where there is one. */
  readonly image: string;
  /** Of the image: what it listens on and runs as, `uid:gid`. */
  readonly facts: { readonly port: number; readonly user: string };
  /** Values of the `secret()`s of the environment. They are put in a Secret of ours; without them it is expected to be there. */
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface RouterGiven {
  readonly image: string;
  /** Guards the admin port; without it the Secret is expected to be there, or the port is open. */
  readonly token?: string;
  /** Of the table. Routers refuse one that is older than theirs. */
  readonly generation: number;
}

/** All that the objects of a service are made of. */
export interface ServiceGiven {
  readonly settings: KubernetesSettings;
  readonly service: string;
  readonly revisions: readonly RevisionGiven[];
  /**
   * Rolled out by the cluster alone: one Deployment, which replaces its pods, under the name of the service. For those who apply the
   * objects by other means; `revisions` has one then.
   */
  readonly isStanding?: boolean;
  /** Needed when `traffic` is split by a router. */
  readonly router?: RouterGiven;
}

export type Component = 'model' | 'router';

/** How the parts of a release are called, and whether they are told apart from those of other releases. */
export function partsOf(
  given: ServiceGiven,
  { stamp }: RevisionGiven,
): { readonly name: string; readonly stamp?: string; readonly component: Component } {
  const component = 'model';
  return given.isStanding ? { name: baseName(given.service), component } : { name: revisionName(given.service, stamp), stamp, component };
}

/** Are requests split by a router in front? */
export function hasRouter({ settings, isStanding }: ServiceGiven): boolean {
  return settings.traffic === 'router' && !isStanding;
}

interface Described {
  readonly name: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** The release it belongs to and goes with. None: it belongs to the service. */
  readonly stamp?: string;
  readonly component?: Component;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An object with the labels that say whose it is. */
export function objectOf(given: ServiceGiven, described: Described, rest: Readonly<Record<string, unknown>>): ClusterObject {
  const { settings, service } = given;
  const { apiVersion, kind, name, stamp, component } = described;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(settings.namespace === undefined ? {} : { namespace: settings.namespace }),
      labels: { ...settings.labels, ...ownLabels(service, { stamp, component }) },
      annotations: {
        ...settings.annotations,
        ...described.annotations,
        [`${domain}/service-name`]: service,
        ...(stamp === undefined ? {} : { [`${domain}/stamp`]: stamp }),
      },
    },
    ...rest,
  };
}

export function ownLabels(
  service: string,
  of: { readonly stamp?: string | undefined; readonly component?: Component | undefined } = {},
): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/name': baseName(service),
    'app.kubernetes.io/managed-by': 'modelflow',
    ...(of.component === undefined ? {} : { 'app.kubernetes.io/component': of.component }),
    ...(of.stamp === undefined ? {} : { 'app.kubernetes.io/version': shortStamp(of.stamp) }),
    ...selector(service, of),
  };
}

/** What selects the pods of a part of the service; never changed, since a Deployment could not follow. */
export function selector(
  service: string,
  of: { readonly stamp?: string | undefined; readonly component?: Component | undefined },
): Readonly<Record<string, string>> {
  return {
    [`${domain}/service`]: baseName(service),
    ...(of.component === undefined ? {} : { [`${domain}/component`]: of.component }),
    ...(of.stamp === undefined ? {} : { [`${domain}/stamp`]: labelStamp(of.stamp) }),
  };
}

/** The stamp, as a label, of the release that an object belongs to; undefined for what belongs to the service. */
export function ofRevision(object: ClusterObject): string | undefined {
  return object.metadata.labels?.[`${domain}/stamp`];
}

/** The whole stamp of the release that an object belongs to. */
export function stampOf(object: ClusterObject): string | undefined {
  return object.metadata.annotations?.[`${domain}/stamp`];
}

/** Every kind that a service may have objects of, in the order in which they are applied: the last ones refer to the first. */
export const kindsMade = [
  { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', plural: 'networkpolicies' },
  { apiVersion: 'v1', kind: 'Secret', plural: 'secrets' },
  { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets' },
  { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments' },
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', plural: 'horizontalpodautoscalers' },
  { apiVersion: 'v1', kind: 'Service', plural: 'services' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', plural: 'ingresses' },
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', plural: 'httproutes' },
] as const;

/** Without what is empty, which nobody has to read. */
export function trimmed(object: ClusterObject): ClusterObject {
  const { annotations, labels, ...metadata } = object.metadata;
  const filled = (record: Readonly<Record<string, string>> | undefined) => record !== undefined && Object.keys(record).length > 0;
  return {
    ...object,
    metadata: { ...metadata, ...(filled(labels) ? { labels } : {}), ...(filled(annotations) ? { annotations } : {}) },
  } as ClusterObject;
}

/** Sorted so that what is referred to is there before what refers to it. */
export function inApplyOrder(objects: readonly ClusterObject[]): readonly ClusterObject[] {
  const orderOf = (object: ClusterObject): number => kindsMade.findIndex(({ kind }) => kind === object.kind);
  return objects.toSorted((one, other) => orderOf(one) - orderOf(other));
}
