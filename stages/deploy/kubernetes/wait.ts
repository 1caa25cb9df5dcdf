import { setTimeout as pause } from 'node:timers/promises';
import { type Code, failure, type Log, type ModelflowError } from '../../../core/index.ts';
import { type LiveObject, list, pathOf } from './api.ts';
import type { Cluster } from './client.ts';
import { type Deployment, type EventObject, isGoing, isReady, type Pod } from './live-objects.ts';
import { healthOf } from './live-state.ts';
import { baseName, domain, ownedBy } from './names.ts';
import { type Evidence, type Reason, reasonAtTheEnd, reasonOf } from './reasons.ts';

const lookAgainMs = 1_000;
const logLines = 20;

export interface Waiting {
  readonly service: string;
  /** Names of the Deployments that have to get ready. */
  readonly deployments: readonly string[];
  readonly timeoutMs: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Resolves when all of the Deployments have all of their pods ready. Fails as soon as the cluster tells why one of them will not. */
export async function waitUntilReady(cluster: Cluster, waiting: Waiting): Promise<void> {
  const began = Date.now();
  const ending = new AbortController();
  const change = changesIn(cluster, waiting.service, AbortSignal.any([waiting.signal, ending.signal]));
  const firstSeen = new Map<string, number>();
  let said = '';
  try {
    for (;;) {
      const looks = await Promise.all(
        waiting.deployments.map(async (name) => ({ name, evidence: await evidenceOf(cluster, waiting.service, name) })),
      );
      const unready = looks.filter(({ evidence }) => evidence.deployment === undefined || healthOf(evidence.deployment) !== 'ready');
      if (unready.length === 0) return;
      const progress = unready.map(({ name, evidence }) => `${name}: ${progressOf(evidence)}`).join('; ');
      if (progress !== said) waiting.log.progress(undefined, progress);
      said = progress;
      for (const { name, evidence } of unready) await judge(cluster, waiting, name, evidence, firstSeen, began);
      await change(lookAgainMs);
    }
  } finally {
    ending.abort();
  }
}

/** A reason is final once it has stood for as long as it may yet turn out well. */
async function judge(
  cluster: Cluster,
  { timeoutMs, log }: Waiting,
  name: string,
  evidence: Evidence,
  firstSeen: Map<string, number>,
  began: number,
): Promise<void> {
  const isOver = Date.now() - began > timeoutMs;
  const reason = reasonOf(evidence) ?? (isOver ? reasonAtTheEnd(evidence, timeoutMs) : undefined);
  if (reason === undefined) return;
  const key = `${name} ${reason.code}`;
  const since = firstSeen.get(key) ?? Date.now();
  if (!firstSeen.has(key) && reason.graceMs > 0) log.warn(`${name}: ${reason.why}`);
  firstSeen.set(key, since);
  if (isOver || Date.now() - since >= reason.graceMs) throw await failureOf(cluster, name, reason, evidence);
}

async function failureOf(cluster: Cluster, name: string, reason: Reason, { pods, events }: Evidence): Promise<ModelflowError> {
  const said = reason.logsOf ? await lastLines(cluster, reason.logsOf) : [];
  const told = events
    .filter(({ type, involvedObject }) => type === 'Warning' && pods.some(({ metadata }) => metadata.uid === involvedObject.uid))
    .slice(-3)
    .map(({ reason: what, message }) => `event ${what}: ${message}`);
  const code: Code = reason.code;
  return failure(code, `${name}: ${reason.why}`, { hint: reason.hint, detail: said.length > 0 ? said : told });
}

/** A container that was started again just now has said nothing yet: the one before has. */
async function lastLines(cluster: Cluster, { pod, container, isPrevious }: NonNullable<Reason['logsOf']>): Promise<readonly string[]> {
  for (const previous of isPrevious ? [true, false] : [false]) {
    try {
      const path = `${pathOf('Pod', cluster.namespace, pod)}/log`;
      const text = String(
        await cluster.ask({ path, query: { container, tailLines: logLines, previous }, headers: { accept: '*/*' }, isOnce: true }),
      );
      if (text.trim() !== '') return text.trimEnd().split('\n');
    } catch {
      // It has no log any more; that it failed is told without.
    }
  }
  return [];
}

async function evidenceOf(cluster: Cluster, service: string, name: string): Promise<Evidence> {
  const [deployments, all] = await Promise.all([
    list<Deployment>(cluster, 'Deployment', { fields: `metadata.name=${name}` }),
    list<Pod>(cluster, 'Pod', { labels: `${domain}/service=${baseName(service)}` }),
  ]);
  const [deployment] = deployments;
  const own = deployment?.spec.selector.matchLabels ?? {};
  const belongs = ({ metadata }: Pod): boolean => Object.entries(own).every(([key, value]) => metadata.labels?.[key] === value);
  const pods = deployment === undefined ? [] : all.filter(belongs);
  const events = pods.some((pod) => !isReady(pod)) ? await eventsOf(cluster, pods) : [];
  return { deployment, pods, events, going: all.filter((pod) => isGoing(pod) && !pods.includes(pod)).length };
}

async function eventsOf(cluster: Cluster, pods: readonly Pod[]): Promise<readonly EventObject[]> {
  const unready = pods.filter((pod) => !isReady(pod) && !isGoing(pod)).slice(0, 3);
  const events = await Promise.all(
    unready.map(({ metadata }) => list<EventObject>(cluster, 'Event', { fields: `involvedObject.uid=${metadata.uid}` }).catch(() => [])),
  );
  return events.flat();
}

function progressOf({ deployment, pods }: Evidence): string {
  const wanted = deployment?.spec.replicas ?? 1;
  return `${pods.filter(isReady).length} of ${wanted} pods ready`;
}

/**
 * Resolves when a pod of the service changes, or the time is over. A watch only wakes: what is believed is what is listed after it,
 * so one that breaks off, or is too old for the server, loses nothing.
 */
export function changesIn(cluster: Cluster, service: string, signal: AbortSignal): (timeoutMs: number) => Promise<void> {
  let wake = (): void => {};
  void (async () => {
    while (!signal.aborted) {
      try {
        const call = {
          path: pathOf('Pod', cluster.namespace),
          query: { watch: true, labelSelector: ownedBy(service), timeoutSeconds: 300 },
        };
        for await (const _ of cluster.lines(call, signal)) wake();
      } catch {
        // Asked again below; meanwhile the time wakes.
      }
      await pause(lookAgainMs, undefined, { signal }).catch(() => {});
    }
  })();
  return async (timeoutMs) => {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const over = new AbortController();
    await Promise.race([woken, pause(timeoutMs, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => {})]);
    over.abort();
    signal.throwIfAborted();
  };
}

/** Resolves when no object of the list is there any more. */
export async function waitUntilGone(
  cluster: Cluster,
  service: string,
  look: () => Promise<readonly LiveObject[]>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly LiveObject[]> {
  const until = Date.now() + timeoutMs;
  const ending = new AbortController();
  const change = changesIn(cluster, service, AbortSignal.any([signal, ending.signal]));
  try {
    for (;;) {
      const left = await look();
      if (left.length === 0 || Date.now() > until) return left;
      await change(lookAgainMs);
    }
  } finally {
    ending.abort();
  }
}
