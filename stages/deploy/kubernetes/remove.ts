import { failure } from '../../../core/index.ts';
import { type LiveObject, list } from './api.ts';
import { type Context, clusterOf } from './context.ts';
import { inventoryOf, prune } from './inventory.ts';
import type { Pod } from './live-objects.ts';
import { ownedBy } from './names.ts';
import { isThere } from './namespace.ts';
import { waitUntilGone } from './wait.ts';

const slackMs = 30_000;

/** Resolves when nothing of the service is left, its pods included: what they hold is free then. */
export async function removeService(ctx: Context, service: string): Promise<void> {
  const cluster = await clusterOf(ctx, 'releasing');
  if (!(await isThere(cluster))) return;
  await prune(cluster, await inventoryOf(cluster, service, new Set(['Deployment', 'Service'])), () => false);
  const pods = (): Promise<readonly LiveObject[]> => list<Pod>(cluster, 'Pod', { labels: ownedBy(service) });
  const limitMs = ctx.settings.terminationGraceSeconds * 1_000 + slackMs;
  const left = await waitUntilGone(cluster, service, pods, limitMs, ctx.signal);
  if (left.length > 0)
    throw failure(
      'MF5001',
      `pods of ${service} do not end: ${left.map(({ metadata }) => metadata.name).join(', ')}; everything else is removed`,
      {
        hint: 'A node that cannot be reached keeps its pods: look at `kubectl get pods -o wide`.',
      },
    );
}
