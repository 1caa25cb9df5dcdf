import type { Engine } from '../../lib/docker.ts';
import { networkName } from './names.ts';

/** The network that the router and the releases of a service share. */
export async function ensureNetwork(engine: Engine, service: string, labels: Record<string, string>): Promise<void> {
  const name = networkName(service);
  const found = await engine.api.listNetworks({ filters: { name: [name] } });
  if (found.some(({ Name }) => Name === name)) return;
  await engine.api.createNetwork({ Name: name, CheckDuplicate: true, Driver: 'bridge', Labels: labels });
}

/** 409: a router that was made anew has it by now. */
export async function removeVolume(engine: Engine, name: string): Promise<void> {
  await engine.api
    .getVolume(name)
    .remove()
    .catch((error: unknown) => {
      if ((error as { readonly statusCode?: number }).statusCode !== 409) ignoreMissing(error);
    });
}

/** 404: it was gone already. */
export function ignoreMissing(error: unknown): void {
  if ((error as { readonly statusCode?: number }).statusCode !== 404) throw error;
}

/** 304: it had stopped already. */
export function ignoreStopped(error: unknown): void {
  const { statusCode } = error as { readonly statusCode?: number };
  if (statusCode !== 304 && statusCode !== 404) throw error;
}
