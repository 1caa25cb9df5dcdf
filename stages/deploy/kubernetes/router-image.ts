import { failure, type TargetContext } from '../../../core/index.ts';
import type { kubernetesSettings } from './settings.ts';

/** The reference of the router image, as nodes pull it. */
export async function ensureRouterImage({ settings }: TargetContext<typeof kubernetesSettings>): Promise<string> {
  if (settings.routerImage !== undefined) return settings.routerImage;
  throw failure('MF5287', 'the router image is in no registry', { hint: 'Give the target `routerImage`, or set `traffic: "replicas"`.' });
}
