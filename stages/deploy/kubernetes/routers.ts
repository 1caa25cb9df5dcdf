import { setTimeout as pause } from 'node:timers/promises';
import { failure, type Log, type TrafficReport, type TrafficSource } from '../../../core/index.ts';
import { type LiveObject, list, pathOf, readObject } from './api.ts';
import type { Cluster } from './client.ts';
import { isGoing, isReady, type Pod } from './live-objects.ts';
import { domain, ownedBy, routerName } from './names.ts';
import { adminPort, type RouterTable, tableKey, tokenKey } from './router-objects.ts';

const tellTimeoutMs = 60_000;
const askAgainMs = 200;

interface RouterState {
  readonly table: { readonly generation: number };
  readonly inFlight: Readonly<Record<string, number>>;
}

/** The token of the routers' admin port, as the cluster has it. */
export async function tokenOfRouters(cluster: Cluster, service: string): Promise<string | undefined> {
  const secret = (await readObject(cluster, 'Secret', routerName(service))) as
    | (LiveObject & { readonly data?: Readonly<Record<string, string>> })
    | undefined;
  const encoded = secret?.data?.[tokenKey];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
}

/** The table that routers begin with. */
export async function writtenTable(cluster: Cluster, service: string): Promise<RouterTable | undefined> {
  const map = (await readObject(cluster, 'ConfigMap', routerName(service))) as
    | (LiveObject & { readonly data?: Readonly<Record<string, string>> })
    | undefined;
  const text = map?.data?.[tableKey];
  return text === undefined ? undefined : (JSON.parse(text) as RouterTable);
}

/** The highest generation that a router goes by. */
export async function generationOfRouters(cluster: Cluster, service: string, token: string | undefined): Promise<number> {
  const pods = (await routersOf(cluster, service)).filter(isReady);
  const states = await Promise.all(pods.map((pod) => ask<RouterState>(cluster, pod, '/table', token).catch(() => undefined)));
  return Math.max(0, ...states.map((state) => state?.table?.generation ?? 0));
}

/** Resolves when every router goes by the table. A router that is just starting begins with the table that was written before. */
export async function tellRouters(
  cluster: Cluster,
  service: string,
  table: RouterTable,
  { token, signal }: { readonly token: string | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const until = Date.now() + tellTimeoutMs;
  const told = new Set<string>();
  for (let trouble = ''; ; ) {
    const pods = await routersOf(cluster, service);
    const untold = pods.filter(({ metadata, status }) => !told.has(metadata.uid) && status?.podIP !== undefined);
    if (untold.length === 0 && told.size > 0) return;
    for (const pod of untold) {
      try {
        await ask(cluster, pod, '/table', token, table);
        told.add(pod.metadata.uid);
      } catch (error) {
        trouble = `${pod.metadata.name}: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    if (Date.now() > until)
      throw failure('MF5284', `the router of ${service} did not take the new shares of the traffic: ${trouble || 'it has no pods'}`, {
        hint: 'Look at the pods of the router with `kubectl get pods`, then run again.',
      });
    if (untold.some(({ metadata }) => !told.has(metadata.uid)) || told.size === 0) await pause(askAgainMs, undefined, { signal });
  }
}

/** Requests under way at revisions, by stamp, over all routers. */
export async function inFlightOf(cluster: Cluster, service: string, token: string | undefined): Promise<ReadonlyMap<string, number>> {
  const states = await Promise.all(
    (await routersOf(cluster, service)).map((pod) => ask<RouterState>(cluster, pod, '/table', token).catch(() => undefined)),
  );
  const sums = new Map<string, number>();
  for (const state of states)
    for (const [stamp, count] of Object.entries(state?.inFlight ?? {})) sums.set(stamp, (sums.get(stamp) ?? 0) + count);
  return sums;
}

/** What each router has counted. One that is just going is asked as well: what it counted was answered. */
export async function observeRouters(cluster: Cluster, service: string, token: string | undefined): Promise<TrafficReport> {
  const pods = (await routersOf(cluster, service)).filter(({ status }) => status?.podIP !== undefined);
  const sources = await Promise.all(pods.map((pod) => ask<TrafficSource>(cluster, pod, '/traffic', token).catch(() => undefined)));
  return { sources: sources.filter((source) => source !== undefined) };
}

async function routersOf(cluster: Cluster, service: string): Promise<readonly Pod[]> {
  const pods = await list<Pod>(cluster, 'Pod', { labels: `${ownedBy(service)},${domain}/component=router` });
  return pods.filter((pod) => !isGoing(pod) && pod.status?.phase === 'Running');
}

/** Through the API server, which takes away a header `Authorization`: the token goes in one of its own. */
async function ask<T>(cluster: Cluster, { metadata }: Pod, path: string, token: string | undefined, table?: RouterTable): Promise<T> {
  return (await cluster.ask({
    method: table === undefined ? 'GET' : 'PUT',
    path: `${pathOf('Pod', cluster.namespace)}/${metadata.name}:${adminPort}/proxy${path}`,
    ...(token === undefined ? {} : { headers: { 'x-modelflow-token': token } }),
    ...(table === undefined ? {} : { body: table }),
    timeoutMs: 5_000,
    isOnce: true,
  })) as T;
}

/** Resolves when no router waits for an answer of these revisions, or the time is over; then their pods finish what they have as they end. */
export async function drained(
  cluster: Cluster,
  service: string,
  given: {
    readonly stamps: readonly string[];
    readonly token: string | undefined;
    readonly limitMs: number;
    readonly signal: AbortSignal;
    readonly log: Log;
  },
): Promise<void> {
  const until = Date.now() + given.limitMs;
  for (;;) {
    const inFlight = await inFlightOf(cluster, service, given.token);
    const left = given.stamps.reduce((sum, stamp) => sum + (inFlight.get(stamp) ?? 0), 0);
    if (left === 0) return;
    if (Date.now() > until)
      return given.log.warn(`${left} requests of ${service} are still open at a release that goes; its pods finish them`);
    await pause(askAgainMs, undefined, { signal: given.signal });
  }
}
