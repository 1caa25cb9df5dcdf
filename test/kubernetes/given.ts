import { z } from '../../core/index.ts';
import type { RevisionGiven, RouterGiven, ServiceGiven } from '../../stages/deploy/kubernetes/objects.ts';
import { kubernetesSettings } from '../../stages/deploy/kubernetes/settings.ts';

export type SettingsGiven = z.input<z.ZodObject<typeof kubernetesSettings>>;

export const stable = 'a'.repeat(64);
export const candidate = 'b'.repeat(64);
export const router: RouterGiven = { image: 'registry.test/router:1', generation: 1 };

export function revision(more: Partial<RevisionGiven> = {}): RevisionGiven {
  const digest = `sha256:${'1'.repeat(64)}`;
  return { stamp: stable, weight: 100, image: `registry.test/digits@${digest}`, facts: { port: 8080, user: '65532:65532' }, ...more };
}

/** A service with settings as a configuration would have them. */
export function given(settings: SettingsGiven = {}, more: Partial<Omit<ServiceGiven, 'settings'>> = {}): ServiceGiven {
  return { settings: z.strictObject(kubernetesSettings).parse(settings), service: 'digits', revisions: [revision()], router, ...more };
}
