import type { ReleaseRecord } from '../spec/event.ts';
import type { Plan } from '../spec/plan.ts';
import type { Workspace } from './workspace.ts';

/** What a node would deploy: the artifact by its digest, and the stamp it would get. */
export type WantedRelease = Pick<ReleaseRecord, 'stamp' | 'what'>;

/** What the configuration would deploy now, as far as its inputs are made, by node. */
export function wantedReleases({ graph }: Workspace, { steps }: Plan): ReadonlyMap<string, WantedRelease> {
  const digests = new Map(
    steps.flatMap((step) => ('digest' in step && step.digest !== undefined ? [[step.node, step.digest] as const] : [])),
  );
  return new Map(
    steps.flatMap((step) => {
      const what = digests.get(deployedNode(graph, step.node) ?? '');
      return what === undefined || !('fingerprint' in step) ? [] : [[step.node, { stamp: step.fingerprint, what }] as const];
    }),
  );
}

/** The node whose artifact this one deploys. */
export function deployedNode(graph: Workspace['graph'], name: string): string | undefined {
  const node = graph.byName.get(name);
  const slot = node?.node.stage.deploys?.(node.node.options as never).slot;
  return slot === undefined ? undefined : node?.edges.find((edge) => edge.slot === slot && !edge.isGate)?.from;
}
