import type { Code } from '../../../core/index.ts';
import { type ContainerStatus, type Deployment, type EventObject, isGoing, isReady, type Pod, statusesOf } from './live-objects.ts';

/** Why a release does not get ready, as far as what the cluster tells is known. */
export interface Reason {
  readonly code: Code;
  readonly why: string;
  readonly hint: string;
  /** So long it may yet turn out well by itself; 0: it will not. */
  readonly graceMs: number;
  /** The container whose last lines tell more; of the one before when it was started again. */
  readonly logsOf?: { readonly pod: string; readonly container: string; readonly isPrevious: boolean };
}

export interface Evidence {
  readonly deployment: Deployment | undefined;
  readonly pods: readonly Pod[];
  readonly events: readonly EventObject[];
  /** Pods of other releases of the service that are just going: they still hold quota and room. */
  readonly going: number;
}

const unhurriedMs = 20_000;

/** The first reason that explains why the Deployment has not all of its pods; undefined while nothing is wrong that is known. */
export function reasonOf(evidence: Evidence): Reason | undefined {
  const pods = evidence.pods.filter((pod) => !isGoing(pod) && !isReady(pod));
  return (
    deleted(evidence) ??
    refusedPods(evidence) ??
    first(pods, (pod) => first(statusesOf(pod), (status) => containerReason(pod, status, evidence.events))) ??
    evicted(evidence.pods) ??
    first(pods, (pod) => unscheduled(pod, evidence)) ??
    first(pods, (pod) => stuckVolume(pod, evidence.events))
  );
}

/** It is looked for only after it was applied. */
function deleted({ deployment }: Evidence): Reason | undefined {
  if (deployment !== undefined && !isGoing(deployment)) return undefined;
  const hint = 'Find out who deletes it, then run again.';
  return { code: 'MF5280', why: 'somebody has deleted its Deployment while it was waited for', hint, graceMs: 1_500 };
}

/** What is said when nothing else explains it and time is over. */
export function reasonAtTheEnd(evidence: Evidence, waitedMs: number): Reason {
  const pod = evidence.pods.find((each) => !isGoing(each) && !isReady(each));
  const status = pod && statusesOf(pod).find(({ ready }) => !ready);
  const unhealthy = pod && lastOf(evidence.events, pod, 'Unhealthy');
  const within = `within ${Math.round(waitedMs / 1_000)} s`;
  if (pod && status?.state?.running)
    return {
      code: 'MF5275',
      why: `pod ${pod.metadata.name} runs, but was not ready ${within}: ${unhealthy?.message ?? 'it answers no probe'}`,
      hint: 'Look why it does not get ready, or give it more time with `readyTimeoutMs`.',
      graceMs: 0,
      logsOf: { pod: pod.metadata.name, container: status.name, isPrevious: false },
    };
  return {
    code: 'MF5280',
    why: pod ? `pod ${pod.metadata.name} was not ready ${within}: it is ${phaseOf(pod, status)}` : `it has no pod ${within}`,
    hint: 'Look at `kubectl describe`, or give it more time with `readyTimeoutMs`.',
    graceMs: 0,
  };
}

function phaseOf(pod: Pod, status: ContainerStatus | undefined): string {
  const waiting = status?.state?.waiting;
  return [pod.status?.phase ?? 'unknown', waiting?.reason, waiting?.message].filter((each) => each !== undefined).join(', ');
}

function first<T, R>(all: readonly T[], look: (each: T) => R | undefined): R | undefined {
  for (const each of all) {
    const found = look(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

function lastOf(events: readonly EventObject[], { metadata }: Pod, ...reasons: readonly string[]): EventObject | undefined {
  const when = ({ lastTimestamp, eventTime }: EventObject): string => lastTimestamp ?? eventTime ?? '';
  return events
    .filter(({ involvedObject, reason }) => involvedObject.uid === metadata.uid && reasons.includes(reason ?? ''))
    .sort((a, b) => when(a).localeCompare(when(b)))
    .at(-1);
}

/** Quota, Pod Security and admission webhooks refuse pods, which never come to be: only the Deployment tells. */
function refusedPods({ deployment, going }: Evidence): Reason | undefined {
  const refused = deployment?.status?.conditions?.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (refused === undefined) return undefined;
  const message = refused.message ?? '';
  const isQuota = message.includes('exceeded quota');
  const base = { code: 'MF5276', why: `the cluster does not let its pods be made: ${message}` } as const;
  if (isQuota)
    return {
      ...base,
      hint: 'Ask for less in `resources` or `replicas`, or have the quota raised: a release needs room beside the one that serves.',
      graceMs: going > 0 ? 120_000 : 3_000,
    };
  if (message.includes('PodSecurity'))
    return { ...base, hint: 'Leave out what the level of the namespace forbids, or deploy into another namespace.', graceMs: 0 };
  if (message.includes('serviceaccount'))
    return { ...base, hint: 'Make the ServiceAccount, or leave `serviceAccount` out.', graceMs: 3_000 };
  return { ...base, hint: 'Change the settings as the message says, or ask who runs the cluster.', graceMs: 3_000 };
}

function containerReason(pod: Pod, status: ContainerStatus, events: readonly EventObject[]): Reason | undefined {
  const waiting = status.state?.waiting;
  return pullReason(pod, status) ?? madeReason(pod, status.name, waiting?.reason, waiting?.message) ?? crashReason(pod, status, events);
}

const pullReasons = [
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
];
const finalPulls =
  /not found|NotFound|manifest unknown|unauthorized|authorization|denied|forbidden|403|401|InvalidImageName|invalid reference|no match for platform|not exist/i;

function pullReason(pod: Pod, { image, state }: ContainerStatus): Reason | undefined {
  const { reason = '', message = '' } = state?.waiting ?? {};
  if (!pullReasons.includes(reason)) return undefined;
  const said = message.replace(/^Back-off pulling image "[^"]*": /, '');
  const isFinal = finalPulls.test(`${reason} ${message}`);
  const needsLogin = /unauthorized|authorization|denied|forbidden|401|403/i.test(message);
  return {
    code: 'MF5271',
    why: `node ${pod.spec?.nodeName ?? '?'} cannot pull ${image}: ${said || reason}`,
    hint: needsLogin
      ? 'Give the target `pullSecrets` with the name of a Secret that holds credentials of the registry.'
      : 'Push the image to where the nodes pull from, and look at its name.',
    graceMs: isFinal ? 0 : unhurriedMs,
  };
}

function madeReason(pod: Pod, container: string, reason = '', message = ''): Reason | undefined {
  if (!['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'PreCreateHookError'].includes(reason)) return undefined;
  return {
    code: 'MF5278',
    why: `container \`${container}\` of pod ${pod.metadata.name} cannot be made: ${message || reason}`,
    hint: /secret|configmap/i.test(message)
      ? 'Make what is missing in the namespace, or take it out of `env`, `envFrom` and `volumes`.'
      : 'Look at the image: what it starts, and as which user.',
    graceMs: 1_500,
  };
}

function crashReason(pod: Pod, status: ContainerStatus, events: readonly EventObject[]): Reason | undefined {
  const ended = status.state?.terminated ?? status.lastState?.terminated;
  if (ended === undefined) return undefined;
  const isPrevious = status.state?.terminated === undefined;
  const logsOf = { pod: pod.metadata.name, container: status.name, isPrevious };
  const where = `container \`${status.name}\` of pod ${pod.metadata.name}`;
  if (ended.reason === 'OOMKilled') {
    const limit = pod.spec?.containers?.find(({ name }) => name === status.name)?.resources?.limits?.['memory'];
    const why = `${where} was killed: it used more memory than its limit${limit === undefined ? '' : ` of ${limit}`}`;
    return { code: 'MF5273', why, hint: 'Raise `resources.limits.memory`, or serve a smaller model.', graceMs: 0, logsOf };
  }
  const killed = lastOf(events, pod, 'Killing')?.message?.includes('probe') ? lastOf(events, pod, 'Unhealthy')?.message : undefined;
  if (killed !== undefined)
    return {
      code: 'MF5275',
      why: `${where} was ended because it did not answer its probe: ${killed}`,
      hint: 'Look why it does not answer, or give `probes` more patience.',
      graceMs: 0,
      logsOf,
    };
  // One end may be an accident; that it is not started again at once is no accident any more.
  const isLooping = status.state?.waiting?.reason === 'CrashLoopBackOff' || status.restartCount >= 2;
  const how = ended.signal ? `by signal ${ended.signal}` : `with exit code ${ended.exitCode}`;
  const words = ended.message ? `: ${ended.message.trim()}` : ended.reason && ended.reason !== 'Error' ? ` (${ended.reason})` : '';
  return {
    code: 'MF5272',
    why: `${where} ended ${how}${status.restartCount > 0 ? `, ${status.restartCount + (isPrevious ? 0 : 1)} times` : ''}${words}`,
    hint: 'Its last lines are below. Try the image with `docker run` first.',
    graceMs: isLooping ? 0 : 15_000,
    logsOf,
  };
}

function evicted(pods: readonly Pod[]): Reason | undefined {
  const gone = pods.filter(({ status }) => status?.phase === 'Failed' && status.reason === 'Evicted');
  const [last] = gone.slice(-1);
  if (last === undefined) return undefined;
  return {
    code: 'MF5277',
    why: `pod ${last.metadata.name} was evicted from node ${last.spec?.nodeName ?? '?'}: ${last.status?.message?.trim() ?? 'no reason is given'}`,
    hint: 'Ask for as much memory and disk in `resources` as is used, or make room on the nodes.',
    graceMs: gone.length > 1 ? 0 : unhurriedMs,
  };
}

function unscheduled(pod: Pod, { events, going }: Evidence): Reason | undefined {
  const condition = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (condition?.reason !== 'Unschedulable') return undefined;
  // An autoscaler of nodes has seen the pod, and is bringing one up.
  const isComing = lastOf(events, pod, 'TriggeredScaleUp', 'Nominated') !== undefined;
  return {
    code: 'MF5274',
    why: `pod ${pod.metadata.name} fits on no node: ${condition.message ?? ''}`,
    hint: 'Ask for less in `resources`, tolerate the taint in `tolerations`, or add a node.',
    graceMs: isComing ? Number.POSITIVE_INFINITY : going > 0 ? 90_000 : 5_000,
  };
}

function stuckVolume(pod: Pod, events: readonly EventObject[]): Reason | undefined {
  const event = lastOf(events, pod, 'FailedMount', 'FailedAttachVolume', 'FailedMapVolume');
  if (event !== undefined) {
    const message = event.message ?? '';
    return {
      code: 'MF5279',
      why: `a volume of pod ${pod.metadata.name} cannot be mounted: ${message}`,
      hint: 'Look at `volumes` of the target and at the claim, Secret or ConfigMap it names.',
      graceMs: /not found/.test(message) ? 3_000 : 60_000,
    };
  }
  const sandbox = lastOf(events, pod, 'FailedCreatePodSandBox');
  if (sandbox === undefined) return undefined;
  const why = `pod ${pod.metadata.name} cannot be started on node ${pod.spec?.nodeName ?? '?'}: ${sandbox.message ?? ''}`;
  return { code: 'MF5280', why, hint: 'The node has trouble with its network or its runtime: ask who runs the cluster.', graceMs: 30_000 };
}
