import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type LiveObject, list } from './api.ts';
import type { Cluster } from './client.ts';
import type { Pod } from './live-objects.ts';
import { baseName, domain, labelStamp } from './names.ts';
import { changesIn } from './wait.ts';

const limitMs = 20_000;
const lookAgainMs = 200;
const firstReachMs = 2_000;

interface EndpointSlice extends LiveObject {
  readonly endpoints?: readonly {
    readonly conditions?: { readonly ready?: boolean };
    readonly targetRef?: { readonly uid?: string };
  }[];
}

/**
 * Resolves when the Service sends users to the wanted releases and to no other, or when that takes too long to be waited for: pods that go
 * still answer for a while. `serving` undefined: to the router.
 */
export async function waitUntilServed(
  cluster: Cluster,
  service: string,
  serving: readonly { readonly stamp: string; readonly weight: number }[] | undefined,
  signal: AbortSignal,
): Promise<void> {
  const until = Date.now() + limitMs;
  const ending = new AbortController();
  const change = changesIn(cluster, service, AbortSignal.any([signal, ending.signal]));
  const stamps = serving?.filter(({ weight }) => weight > 0).map(({ stamp }) => labelStamp(stamp));
  try {
    while (!(await isServed(cluster, service, stamps)) && Date.now() < until) await change(lookAgainMs);
  } finally {
    ending.abort();
  }
}

async function isServed(cluster: Cluster, service: string, stamps: readonly string[] | undefined): Promise<boolean> {
  const base = baseName(service);
  const [slices, pods] = await Promise.all([
    list<EndpointSlice>(cluster, 'EndpointSlice', { labels: `kubernetes.io/service-name=${base}` }),
    list<Pod>(cluster, 'Pod', { labels: `${domain}/service=${base}` }),
  ]);
  const ready = slices.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
  const labels = ready.map(({ targetRef }) => pods.find(({ metadata }) => metadata.uid === targetRef?.uid)?.metadata.labels ?? {});
  if (stamps === undefined) return labels.length > 0 && labels.every((each) => each[`${domain}/component`] === 'router');
  const seen = labels.map((each) => each[`${domain}/stamp`] ?? '');
  return seen.every((stamp) => stamps.includes(stamp)) && stamps.every((stamp) => seen.includes(stamp));
}

/**
 * A new Service has an address before every node knows it. Resolves when something listens there, or soon in any case: from here the
 * address may never be reached.
 */
export async function waitUntilReached(url: string, signal: AbortSignal): Promise<void> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const until = Date.now() + firstReachMs;
  while (Date.now() < until && !(await listens(host, Number(port) || (protocol === 'https:' ? 443 : 80))))
    await pause(lookAgainMs, undefined, { signal });
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: lookAgainMs });
    const end = (isThere: boolean) => () => {
      socket.destroy();
      resolve(isThere);
    };
    socket.on('connect', end(true)).on('timeout', end(false)).on('error', end(false));
  });
}
