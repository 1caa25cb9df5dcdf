import type { LogLine } from '../../../core/index.ts';
import { list, pathOf } from './api.ts';
import type { Cluster } from './client.ts';
import { type Context, clusterOf } from './context.ts';
import { type Pod, statusesOf } from './live-objects.ts';
import { ownedBy } from './names.ts';
import { changesIn } from './wait.ts';

const lookAgainMs = 2_000;

/** Lines of all pods of the service, in the order of their time; followed, also of pods and containers that come later. */
export async function* logsOf(
  ctx: Context,
  service: string,
  given: { readonly follow: boolean; readonly lines: number },
): AsyncIterable<LogLine> {
  const cluster = await clusterOf(ctx, 'reading');
  yield* await linesSoFar(cluster, service, given.lines);
  if (!given.follow) return;
  yield* followed(cluster, service, ctx.signal);
}

async function linesSoFar(cluster: Cluster, service: string, count: number): Promise<readonly LogLine[]> {
  const pods = await list<Pod>(cluster, 'Pod', { labels: ownedBy(service) });
  const texts = await Promise.all(
    pods.flatMap((pod) =>
      statusesOf(pod).flatMap(({ name, restartCount }) => [
        // What a container said before it was started again is what one looks for.
        ...(restartCount > 0 ? [textOf(cluster, pod, name, count, true)] : []),
        textOf(cluster, pod, name, count, false),
      ]),
    ),
  );
  return texts
    .flat()
    .sort((a, b) => a.at.localeCompare(b.at))
    .slice(-count);
}

async function textOf(cluster: Cluster, pod: Pod, container: string, tailLines: number, previous: boolean): Promise<readonly LogLine[]> {
  try {
    const call = {
      path: logPath(cluster, pod),
      query: { container, tailLines, previous, timestamps: true },
      headers: { accept: '*/*' },
      isOnce: true,
    };
    const text = String(await cluster.ask(call));
    return text.split('\n').flatMap((line) => lineOf(pod, line) ?? []);
  } catch {
    // A container that has not begun has no log, and one that was cleared away has none any more.
    return [];
  }
}

/** Streams of several containers in one, as their lines come. */
async function* followed(cluster: Cluster, service: string, signal: AbortSignal): AsyncIterable<LogLine> {
  const ending = new AbortController();
  const until = AbortSignal.any([signal, ending.signal]);
  const change = changesIn(cluster, service, until);
  const began = new Date().toISOString();
  const lines: LogLine[] = [];
  const seen = new Set<string>();
  let wake = (): void => {};
  const push = (line: LogLine): void => {
    lines.push(line);
    wake();
  };
  void (async () => {
    while (!until.aborted) {
      const pods = await list<Pod>(cluster, 'Pod', { labels: ownedBy(service) }).catch(() => []);
      for (const pod of pods)
        for (const { name, restartCount, state } of statusesOf(pod)) {
          const key = `${pod.metadata.uid} ${name} ${restartCount}`;
          if (seen.has(key) || state?.running === undefined) continue;
          seen.add(key);
          // A stream that breaks off is opened again at the next look, from where it was.
          void follow(cluster, pod, name, began, push, until).catch(() => seen.delete(key));
        }
      await change(lookAgainMs).catch(() => {});
    }
    wake();
  })();
  try {
    while (!until.aborted) {
      yield* lines.splice(0);
      if (lines.length === 0 && !until.aborted)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    ending.abort();
  }
}

async function follow(
  cluster: Cluster,
  pod: Pod,
  container: string,
  sinceTime: string,
  push: (line: LogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const call = { path: logPath(cluster, pod), query: { container, follow: true, timestamps: true, sinceTime }, headers: { accept: '*/*' } };
  for await (const text of cluster.lines(call, signal)) {
    const line = lineOf(pod, text);
    if (line) push(line);
  }
}

function logPath({ namespace }: Cluster, { metadata }: Pod): string {
  return `${pathOf('Pod', namespace, metadata.name)}/log`;
}

function lineOf({ metadata }: Pod, text: string): LogLine | undefined {
  const space = text.indexOf(' ');
  return space < 0 ? undefined : { at: text.slice(0, space), source: metadata.name, line: text.slice(space + 1) };
}
