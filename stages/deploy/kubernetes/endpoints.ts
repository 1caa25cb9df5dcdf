import { type LiveObject, list } from './api.ts';
import type { Cluster } from './client.ts';
import type { Pod } from './live-objects.ts';
import { baseName, domain, labelStamp } from './names.ts';
import { changesIn } from './wait.ts';

const limitMs = 20_000;
const lookAgainMs = 200;

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
