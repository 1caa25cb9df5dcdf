import type { DesiredService, TargetContext } from '../../../core/index.ts';
import type { OciImage } from '../../kinds.ts';
import { type Cluster, openCluster } from './client.ts';
import type { kubernetesSettings } from './settings.ts';

export type Context = TargetContext<typeof kubernetesSettings>;
export type Wanted = DesiredService<typeof OciImage>;

/** How long a cluster that does not answer is asked again, by what is at stake. */
const patience = { reading: 5_000, releasing: 60_000 } as const;

export function clusterOf({ settings, signal }: Context, doing: keyof typeof patience): Promise<Cluster> {
  const { kubeconfig, context, namespace } = settings;
  return openCluster({ kubeconfig, context, namespace, signal, patienceMs: patience[doing] });
}
