import { isLoopback, parseImageReference } from './reference.ts';
import type { Registry, RegistrySettings } from './registry.ts';

/** Opens a repository; nobody is asked yet. Credentials come from Docker's configuration and its helpers. MF3242 for a name that is none. */
export async function openRegistry(settings: RegistrySettings): Promise<Registry> {
  const { repository } = parseImageReference(settings.repository);
  const insecure = settings.insecure ?? isLoopback(repository);
  // What talks to registries is loaded by nobody who only plans.
  const { repositoryOf } = await import('./repository.ts');
  return repositoryOf({ ...settings, repository, insecure });
}
